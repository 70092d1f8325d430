// Owning pointers for OpenSSL's objects, each freed by its own function. Only .cpp files of this layer include it.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

namespace gatecast::crypto {

template <auto kFree>
struct FreeBy {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free>>;
using BnPtr = std::unique_ptr<BIGNUM, FreeBy<BN_clear_free>>;
using EcGroupPtr = std::unique_ptr<EC_GROUP, FreeBy<EC_GROUP_free>>;
using EcPointPtr = std::unique_ptr<EC_POINT, FreeBy<EC_POINT_free>>;
using EcSignaturePtr = std::unique_ptr<ECDSA_SIG, FreeBy<ECDSA_SIG_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeBy<EVP_PKEY_CTX_free>>;
using ParamBuildPtr = std::unique_ptr<OSSL_PARAM_BLD, FreeBy<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, FreeBy<OSSL_PARAM_free>>;

/// A new empty BIO in memory whose bytes are wiped when freed.
inline BioPtr secret_bio() { return BioPtr(BIO_new(BIO_s_secmem())); }

}  // namespace gatecast::crypto
