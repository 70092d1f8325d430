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

Result<PublicKey> read_public_ed25519(EVP_PKEY* key) {
  std::string bytes(32, '\0');
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1 ||
      ed25519_is_weak(bytes)) {
    ERR_clear_error();
    return fail(Errc::key_invalid, "a weak Ed25519 key");
  }
  return PublicKey(Ed25519PublicKey{std::move(bytes)});
}

Result<PublicKey> read_public_p256(EVP_PKEY* key) {
  std::string xy[2];
  const char* const names[] = {OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y};
  for (std::size_t i = 0; i < 2; ++i) {
    BIGNUM* number = nullptr;
    if (EVP_PKEY_get_bn_param(key, names[i], &number) != 1) break;
    const BnPtr owned(number);
    xy[i].assign(32, '\0');
    if (BN_bn2binpad(number, reinterpret_cast<unsigned char*>(xy[i].data()), 32) != 32) xy[i].clear();
  }
  ERR_clear_error();
  std::array<char, 32> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1 ||
      std::string_view(group.data()) != "prime256v1") {
    ERR_clear_error();
    return fail(Errc::key_invalid, "not a key on P-256");
  }
  auto made = P256PublicKey::from_xy(xy[0], xy[1]);
  if (!made) return std::move(made.error());
  return PublicKey(P256Point{*std::move(made), std::move(xy[0]), std::move(xy[1])});
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
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    return RsaKey::adopt(key).map([](RsaKey k) { return PrivateKey(std::move(k)); });
  }
  return fail(Errc::key_invalid, "neither an Ed25519, nor a P-256, nor an RSA key");
}

Result<PublicKey> read_public_pem(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) return fail(Errc::key_invalid, "the PEM text is too long");
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
    return fail(Errc::key_invalid, "a private key where a public one is wanted; openssl pkey -pubout makes it");
  }
  if (pem.find("BEGIN CERTIFICATE-----") != std::string_view::npos) {
    return fail(Errc::key_invalid, "a certificate where a public key is wanted; openssl x509 -pubkey -noout makes it");
  }
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) std::abort();
  const std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  if (!key) {
    ERR_clear_error();
    return fail(Errc::key_invalid, "not a public key in PEM form (BEGIN PUBLIC KEY)");
  }
  if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) return read_public_ed25519(key.get());
  if (EVP_PKEY_is_a(key.get(), "EC") == 1) return read_public_p256(key.get());
  return RsaPublicKey::adopt(key).map([](RsaPublicKey k) { return PublicKey(std::move(k)); });
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
Secret write_pem(const RsaKey& key) { return key.pem(); }

}  // namespace gatecast::crypto
