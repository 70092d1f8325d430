// Nonces of challenges: issuing one stores nothing, and it says by itself what it was issued for.
//
//   nonce = base58(random12 ‖ expiry u32 BE, seconds ‖ flags u8 ‖ mac15)                         at most 44 characters
//   mac   = HMAC-SHA-256(hkdf(session key, "nonce"), flags ‖ chain ‖ address or nothing ‖ origin ‖ random ‖
//   expiry)[0:15]
//
// Each of chain, address, origin stands after its length (u16 BE), so no two scopes share an input. The low bits of
// the flags are the purpose; the high bit says that the address was not known and the nonce fits any. Single use is
// the store's work, in the transaction that makes the session. Threads: immutable after `make`; any thread.
// Errors: `nonce_invalid` (not ours, or for another chain, address or origin), `nonce_purpose`, `nonce_expired`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "crypto/hash.hpp"
#include "session/session_key.hpp"

namespace gatecast::session {

enum class Purpose : std::uint8_t { signin = 1, link = 2 };

/// What a nonce is bound to.
struct NonceScope {
  Purpose purpose = Purpose::signin;
  std::string_view chain;    // "solana"
  std::string_view address;  // empty when issuing: not known yet
  std::string_view origin;   // the domain of the message
};

struct OpenedNonce {
  WallTime expires;
  bool address_bound = false;
};

class NonceKeys {
 public:
  static Result<NonceKeys> make(const SessionKeyList& keys);

  std::string issue(const NonceScope& scope, WallTime expires) const;
  /// Opens a nonce that came back signed; `scope` says what it is presented for, with the address that signed.
  Result<OpenedNonce> open(std::string_view nonce, const NonceScope& scope, WallTime now) const;

 private:
  explicit NonceKeys(std::vector<crypto::HmacKey> keys) : keys_(std::move(keys)) {}
  std::vector<crypto::HmacKey> keys_;
};

}  // namespace gatecast::session
