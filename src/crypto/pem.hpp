// Private keys as PEM text, the form `openssl genpkey` writes.
//
// Place: between key files (token) and the keys' own types. Threads: any. Each kind of key is one alternative of
// PrivateKey. Errors: `key_invalid` for text that is no PEM, an encrypted key (nothing ever asks for a passphrase), or
// a kind of key that has no alternative here; the detail says which, never the text.
#pragma once

#include <cstddef>
#include <variant>

#include "core/result.hpp"
#include "core/secret.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/p256.hpp"

namespace gatecast::crypto {

using PrivateKey = std::variant<Ed25519Key, P256Key>;

/// Many times what a key of any kind needs.
inline constexpr std::size_t kMaxPemBytes = 16 * 1024;

/// PKCS#8 (both kinds) or SEC1 (P-256).
Result<PrivateKey> read_pem(const Secret& pem);
/// PKCS#8, unencrypted.
Secret write_pem(const Ed25519Key& key);
Secret write_pem(const P256Key& key);
/// The same for a key of OpenSSL's own; for this layer.
Secret write_pem_of(evp_pkey_st* key);

}  // namespace gatecast::crypto
