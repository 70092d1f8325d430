// Keys as PEM text, the forms `openssl genpkey` and `openssl pkey -pubout` write.
//
// Place: between key files (token) and the keys' own types. Threads: any. Each kind of key is one alternative of
// PrivateKey and of PublicKey. Errors: `key_invalid` for text that is no PEM, an encrypted key (nothing ever asks for a
// passphrase), or a kind of key that has no alternative here; the detail says which, never the text.
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "core/result.hpp"
#include "core/secret.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/p256.hpp"
#include "crypto/rsa.hpp"

namespace gatecast::crypto {

using PrivateKey = std::variant<Ed25519Key, P256Key, RsaKey>;

/// A public Ed25519 key: 32 bytes, not weak.
struct Ed25519PublicKey {
  std::string bytes;
};
/// A public P-256 key and the coordinates it was made of.
struct P256Point {
  P256PublicKey key;
  std::string x, y;
};
using PublicKey = std::variant<Ed25519PublicKey, P256Point, RsaPublicKey>;

/// Many times what a key of any kind needs.
inline constexpr std::size_t kMaxPemBytes = 16 * 1024;

/// PKCS#8 (all kinds), SEC1 (P-256) or PKCS#1 (RSA).
Result<PrivateKey> read_pem(const Secret& pem);
/// SubjectPublicKeyInfo ("BEGIN PUBLIC KEY"). A certificate or a private key is refused and named.
Result<PublicKey> read_public_pem(std::string_view pem);
/// PKCS#8, unencrypted.
Secret write_pem(const Ed25519Key& key);
Secret write_pem(const P256Key& key);
Secret write_pem(const RsaKey& key);
/// The same for a key of OpenSSL's own; for this layer.
Secret write_pem_of(evp_pkey_st* key);

}  // namespace gatecast::crypto
