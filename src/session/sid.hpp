// Session ids that authenticate themselves.
//
//   sid = base64url(random16 ‖ HMAC-SHA-256(session key, "sid" ‖ random16 ‖ user id)[0:12])        38 characters
//
// A token whose sid does not verify for its sub names a session that was never made here, whoever signed it.
// Threads: immutable after `make`; any thread, no lock. Errors: `secret_missing` without a key, `secret_weak` for a
// short one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "crypto/hash.hpp"
#include "session/session_key.hpp"

namespace gatecast::session {

inline constexpr std::size_t kSidRandomBytes = 16;
inline constexpr std::size_t kSidMacBytes = 12;
inline constexpr std::size_t kSidChars = 38;

class SidKeys {
 public:
  static Result<SidKeys> make(const SessionKeyList& keys);

  /// A new id for a session of this user, under the first key.
  std::string issue(std::string_view user_id) const;
  /// Whether one of our keys made `sid` for this user. Constant time in the mac; the text has one form only.
  bool verify(std::string_view sid, std::string_view user_id) const;
  /// Whether `sid` has the form of one: what is worth asking the store about.
  static bool well_formed(std::string_view sid);

 private:
  explicit SidKeys(std::vector<crypto::HmacKey> keys) : keys_(std::move(keys)) {}
  std::vector<crypto::HmacKey> keys_;
};

}  // namespace gatecast::session
