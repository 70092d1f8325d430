// Refresh tokens: what a client shows to get the next access token.
//
//   gcr1.<key id>.<sid>.<generation>.<session secret>.<mac>      mac = HMAC-SHA-256 over all before its point
//
// The mac's key is derived from [[session.key]] ("refresh"), so no token that we did not write reaches the store; the
// secret is the session's own, so the key alone writes none. Key id: the key's configured id where it is 1 to 32 of
// [A-Za-z0-9_-], else one derived from the key. Threads: immutable after `make`; any thread, no lock.
// Bounds: kRefreshTokenBytesMax; each text has one form only. Errors: refresh_invalid, with what is wrong in its
// detail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "crypto/hash.hpp"
#include "session/session_key.hpp"

namespace gatecast::session {

inline constexpr std::size_t kRefreshSecretBytes = 16;
inline constexpr std::size_t kRefreshKeyIdCharsMax = 32;
inline constexpr std::size_t kRefreshTokenBytesMax = 160;
/// The largest generation: what every JSON reader holds exactly.
inline constexpr std::uint64_t kGenerationMax = (std::uint64_t{1} << 53) - 1;

/// The parts of a token; views into its text.
struct RefreshTokenText {
  std::string_view key_id, sid;
  std::uint64_t generation = 0;
  std::string_view secret;       // base64url of 16 bytes
  std::string_view mac;          // base64url of 32 bytes
  std::string_view signed_part;  // all before the mac's point
};

/// The form alone; nothing is verified.
Result<RefreshTokenText> parse_refresh_token(std::string_view token);

/// A token whose mac verified.
struct RefreshToken {
  std::string sid;
  std::uint64_t generation = 0;
  std::string secret;  // as in the token
};

class RefreshKeys {
 public:
  static Result<RefreshKeys> make(const SessionKeyList& keys);

  /// Under the first key. `secret` is base64url, as `new_secret` gives it.
  std::string write(std::string_view sid, std::uint64_t generation, std::string_view secret) const;
  Result<RefreshToken> open(std::string_view token) const;

  static std::string new_secret();
  /// What the store keeps of a secret.
  static std::string hash(std::string_view secret);

 private:
  struct Key {
    std::string id;
    crypto::HmacKey mac;
  };
  explicit RefreshKeys(std::vector<Key> keys) : keys_(std::move(keys)) {}
  std::vector<Key> keys_;
};

}  // namespace gatecast::session
