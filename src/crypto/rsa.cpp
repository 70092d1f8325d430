#include "crypto/rsa.hpp"

#include <openssl/rsa.h>

#include <cstdlib>

#include "crypto/hash.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/pem.hpp"

namespace gatecast::crypto {
namespace {

constexpr int kMinBits = 2048;
constexpr int kMaxBits = 8192;
constexpr int kMaxExponentBits = 64;

using Pkey = std::shared_ptr<EVP_PKEY>;

Pkey own(EVP_PKEY* key) { return Pkey(key, EVP_PKEY_free); }

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// What only fails when memory is out or the library is broken.
void must(bool done) {
  if (!done) std::abort();
}

Error invalid(std::string_view why) {
  ERR_clear_error();
  return fail(Errc::key_invalid, std::string(why));
}

BnPtr number(EVP_PKEY* key, const char* which) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(key, which, &value) != 1) ERR_clear_error();
  return BnPtr(value);
}

std::string number_bytes(const BIGNUM* value) {
  std::string out(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
  BN_bn2bin(value, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

Result<void> check_numbers(const BIGNUM* n, const BIGNUM* e) {
  const int bits = BN_num_bits(n);
  if (bits < kMinBits || bits > kMaxBits) {
    return fail(Errc::key_invalid, fmt::format("an RSA key of {} bits; 2048 to 8192 are taken", bits));
  }
  if (!BN_is_odd(n)) return invalid("the RSA modulus is even");
  if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > kMaxExponentBits) {
    return invalid("the RSA public exponent is not an odd number from 3 to 2^64");
  }
  return {};
}

/// A context for PKCS#1 v1.5 over a SHA-256 digest, after `start` (sign or verify).
PkeyContextPtr context_for(EVP_PKEY* key, int (*start)(EVP_PKEY_CTX*)) {
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  must(context && start(context.get()) == 1 && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
       EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1);
  return context;
}

}  // namespace

Result<RsaPublicKey> RsaPublicKey::from_ne(std::string_view n, std::string_view e) {
  if (n.empty() || n.size() > kMaxBits / 8 || e.empty() || e.size() > kMaxExponentBits / 8) {
    return invalid("RSA modulus or exponent missing or too long");
  }
  // RFC 7518 §2: the shortest form; two forms of one key would have two thumbprints.
  if (n.front() == '\0' || e.front() == '\0') return invalid("RSA modulus or exponent with leading zeros");
  const BnPtr modulus(BN_bin2bn(bytes(n), static_cast<int>(n.size()), nullptr));
  const BnPtr exponent(BN_bin2bn(bytes(e), static_cast<int>(e.size()), nullptr));
  must(modulus && exponent);
  if (auto good = check_numbers(modulus.get(), exponent.get()); !good) return std::move(good.error());
  const ParamBuildPtr build(OSSL_PARAM_BLD_new());
  must(build && OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) == 1 &&
       OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) == 1);
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(build.get()));
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  must(params && context && EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) return invalid("not an RSA key");
  return RsaPublicKey(own(key), std::string(n), std::string(e));
}

Result<RsaPublicKey> RsaPublicKey::adopt(std::shared_ptr<evp_pkey_st> key) {
  // RSA-PSS keys have a type of their own: they must not sign PKCS#1 v1.5.
  if (!key || EVP_PKEY_is_a(key.get(), "RSA") != 1) return invalid("not an RSA key");
  const BnPtr n = number(key.get(), OSSL_PKEY_PARAM_RSA_N);
  const BnPtr e = number(key.get(), OSSL_PKEY_PARAM_RSA_E);
  if (!n || !e) return invalid("not an RSA key");
  // Built anew of its two numbers, so that a private part is never kept along.
  return from_ne(number_bytes(n.get()), number_bytes(e.get()));
}

bool RsaPublicKey::verify(std::string_view message, std::string_view signature) const {
  if (signature.size() != n_.size()) return false;
  const std::string digest = sha256(message);
  const PkeyContextPtr context = context_for(key_.get(), EVP_PKEY_verify_init);
  const bool good =
      EVP_PKEY_verify(context.get(), bytes(signature), signature.size(), bytes(digest), digest.size()) == 1;
  if (!good) ERR_clear_error();
  return good;
}

RsaKey RsaKey::generate(unsigned bits) {
  auto key = adopt(own(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{bits})));
  must(key.has_value());
  return *std::move(key);
}

Result<RsaKey> RsaKey::from_pem(const Secret& pem) {
  auto key = read_pem(pem);
  if (!key) return std::move(key.error());
  if (auto* rsa = std::get_if<RsaKey>(&*key)) return std::move(*rsa);
  return fail(Errc::key_invalid, "the PEM text holds a key that is not RSA");
}

Result<RsaKey> RsaKey::adopt(std::shared_ptr<evp_pkey_st> key) {
  auto public_key = RsaPublicKey::adopt(key);
  if (!public_key) return std::move(public_key.error());
  if (!number(key.get(), OSSL_PKEY_PARAM_RSA_D)) return invalid("the RSA key has no private part");
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  must(context != nullptr);
  // A key whose parts do not fit makes signatures from which its factors can be computed.
  if (EVP_PKEY_pairwise_check(context.get()) != 1) {
    return invalid("private and public part of the RSA key do not belong together");
  }
  return RsaKey(std::move(key), *std::move(public_key));
}

std::string RsaKey::sign(std::string_view message) const {
  const std::string digest = sha256(message);
  const PkeyContextPtr context = context_for(key_.get(), EVP_PKEY_sign_init);
  std::string out(public_key_.n().size(), '\0');
  std::size_t size = out.size();
  must(EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes(digest),
                     digest.size()) == 1 &&
       size == out.size());
  return out;
}

Secret RsaKey::pem() const { return write_pem_of(key_.get()); }

}  // namespace gatecast::crypto
