#include "crypto/pem.hpp"

#include <openssl/pem.h>

#include <cstdlib>

#include "crypto/openssl_ptr.hpp"

namespace gatecast::crypto {
namespace {

/// Keys are never encrypted; without this the library would ask on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<PrivateKey> read_ed25519(EVP_PKEY* key) {
  std::string seed(32, '\0');
  std::size_t size = seed.size();
  if (EVP_PKEY_get_raw_private_key(key, reinterpret_cast<unsigned char*>(seed.data()), &size) != 1) {
    ERR_clear_error();
    return fail(Errc::key_invalid, "the Ed25519 key has no private part");
  }
  return Ed25519Key::from_seed(Secret(std::move(seed))).map([](Ed25519Key k) { return PrivateKey(std::move(k)); });
}

}  // namespace

Result<PrivateKey> read_pem(const Secret& pem) {
  const std::string_view text = pem.expose();
  if (text.size() > kMaxPemBytes) return fail(Errc::key_invalid, "the PEM text is too long");
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) std::abort();
  const std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr),
                                      EVP_PKEY_free);
  if (!key) {
    ERR_clear_error();
    return fail(Errc::key_invalid, "not an unencrypted private key in PEM form");
  }
  if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) return read_ed25519(key.get());
  if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    return P256Key::adopt(key).map([](P256Key k) { return PrivateKey(std::move(k)); });
  }
  return fail(Errc::key_invalid, "neither an Ed25519 nor a P-256 key");
}

Secret write_pem_of(evp_pkey_st* key) {
  const BioPtr bio = secret_bio();
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) std::abort();
  std::string text(BIO_ctrl_pending(bio.get()), '\0');
  const int size = BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
  if (size <= 0 || static_cast<std::size_t>(size) != text.size()) std::abort();
  return Secret(std::move(text));
}

Secret write_pem(const Ed25519Key& key) {
  const Secret seed = key.seed();
  const std::shared_ptr<EVP_PKEY> pkey(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                   reinterpret_cast<const unsigned char*>(seed.expose().data()), seed.size()),
      EVP_PKEY_free);
  if (!pkey) std::abort();
  return write_pem_of(pkey.get());
}

Secret write_pem(const P256Key& key) { return key.pem(); }

}  // namespace gatecast::crypto
