// Ed25519 (RFC 8032) by libsodium, which verifies in half of OpenSSL's time and refuses small-order keys.
//
// Place: wallets' signatures (identity) and EdDSA tokens (token). Threads: any. A key is an immutable value; its seed
// is wiped with it. Errors: signatures that do not verify are `false`; a seed of the wrong size is `key_invalid`.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/secret.hpp"

namespace gatecast::crypto {

/// False for sizes other than 32 and 64, weak or non-canonical keys, small-order R, and S not below the group order.
bool ed25519_verify(std::string_view public_key32, std::string_view message, std::string_view signature64);

/// Whether nobody, or everybody, can sign for this key: of small order in any encoding, not canonical, not on the
/// curve, or not of 32 bytes.
bool ed25519_is_weak(std::string_view public_key32);

class Ed25519Key {
 public:
  static Ed25519Key generate();
  static Result<Ed25519Key> from_seed(const Secret& seed32);

  std::string public_key() const;
  std::string sign(std::string_view message) const;
  Secret seed() const;

 private:
  explicit Ed25519Key(const Secret& seed32);
  Secret expanded_;  // seed and public key, 32 bytes each: libsodium's form
};

}  // namespace gatecast::crypto
