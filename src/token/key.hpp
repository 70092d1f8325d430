// One key of tokens: its id, its algorithm, and the material that goes with exactly that algorithm.
// A key made of a public half alone verifies and cannot sign.
//
// Place: over crypto; rings, issuer and verifier hold it. An immutable value; any thread; copies share the material.
// The key decides the algorithm: there is no way to sign or verify with another one than its own.
// Errors: `secret_missing`, `secret_form`, `secret_weak`, `key_invalid`, `config_invalid` (key id). Details name the
// fault, never the key; what may be printed of a key is its fingerprint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "crypto/hash.hpp"
#include "crypto/pem.hpp"
#include "token/algorithm.hpp"
#include "token/secret_text.hpp"

namespace gatecast::token {

/// A longer `kid` in a token is not looked up at all.
inline constexpr std::size_t kMaxKeyIdBytes = 128;

/// First 8 bytes of SHA-256 over the key's bytes, as "ab12:cd34:ef56:7890": two services compare keys by it.
std::string fingerprint(std::string_view key_bytes);

class Key {
 public:
  /// An HS256, HS384 or HS512 key from the configured text. An empty `kid` becomes the fingerprint without colons.
  static Result<Key> from_secret(Algorithm algorithm, const Secret& text, SecretEncoding encoding, std::string kid = {},
                                 WeakSecrets weak = WeakSecrets::refuse);
  /// An EdDSA, ES256 or RS256 key; an empty `kid` becomes the JWK thumbprint (RFC 7638).
  static Result<Key> from_pem(const Secret& pem, std::string kid = {});
  static Result<Key> from_private(crypto::PrivateKey key, std::string kid = {});
  /// The same of a public half alone.
  static Result<Key> from_public(crypto::PublicKey key, std::string kid = {});
  /// A new random key; symmetric ones have 48 bytes.
  static Key generate(Algorithm algorithm);

  const std::string& kid() const { return kid_; }
  Algorithm algorithm() const { return algorithm_; }
  /// Symmetric: of the secret; EdDSA: of the public key's 32 bytes; ES256: of x ‖ y; RS256: of the modulus.
  const std::string& fingerprint() const { return fingerprint_; }

  /// From this moment the key verifies nothing; unset: forever.
  const std::optional<WallTime>& use_until() const { return use_until_; }
  void set_use_until(std::optional<WallTime> until) { use_until_ = until; }
  bool usable(WallTime now) const { return !use_until_ || now < *use_until_; }

  /// False for a key made of a public half: `sign` of such a one aborts.
  bool can_sign() const;
  /// Raw signature bytes over a JWS signing input, and their check.
  std::string sign(std::string_view signing_input) const;
  bool verify(std::string_view signing_input, std::string_view signature) const;

  /// The encoded protected header of the access tokens this key signs: typ, alg, kid.
  const std::string& access_header() const { return access_header_; }
  /// The public JWK with kid, alg and use; empty for symmetric keys.
  std::string public_jwk() const;
  /// PKCS#8 text of an asymmetric key; empty for symmetric ones.
  Secret pem() const;

 private:
  using Material = std::variant<crypto::HmacKey, crypto::Ed25519Key, crypto::P256Key, crypto::RsaKey,
                                crypto::Ed25519PublicKey, crypto::P256Point, crypto::RsaPublicKey>;
  Key(Algorithm algorithm, Material material, std::string jwk_core, std::string fingerprint, std::string kid);
  static Result<Key> asymmetric(Algorithm algorithm, Material material, std::string_view public_bytes,
                                std::string jwk_core, std::string kid);

  std::string kid_;
  Algorithm algorithm_;
  Material material_;
  std::string jwk_core_;  // the members a thumbprint is made of; asymmetric only
  std::string fingerprint_;
  std::string access_header_;
  std::optional<WallTime> use_until_{};
};

}  // namespace gatecast::token
