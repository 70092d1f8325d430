// Keys of other issuers as JSON (RFC 7517, RFC 7518 §6, RFC 8037): what a JWK or a JWK set can be verified with.
//
// Place: under trusted issuers; our own keys are written by Key. Pure; any thread. The keys are verify-only: private
// members of a JWK are neither read nor kept. A JWK whose `alg`, `use` or `key_ops` say that it is for something else
// is refused. In a set such keys, and kinds not known here, are passed over (RFC 7517 §5).
// Bounds: 256 KB of text, 64 keys. Errors: `key_invalid`, `secret_weak`; details never hold key material.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "token/key.hpp"

namespace gatecast::token {

inline constexpr std::size_t kMaxKeySetBytes = 256 * 1024;
inline constexpr std::size_t kMaxKeySetKeys = 64;

/// Whether a set may bring secrets: one that is fetched from an address may not, for it is public.
enum class SymmetricKeys : std::uint8_t { refuse, accept };

struct ForeignKey {
  Key key;
  bool named = false;  // it came with a key id, which a token's `kid` must then equal
};

Result<ForeignKey> read_jwk(std::string_view json, SymmetricKeys symmetric, WeakSecrets weak = WeakSecrets::refuse);
/// {"keys":[…]} or one JWK. `key_invalid` where nothing usable is in it.
Result<std::vector<ForeignKey>> read_jwks(std::string_view json, SymmetricKeys symmetric,
                                          WeakSecrets weak = WeakSecrets::refuse);

}  // namespace gatecast::token
