// Tickets: what a page puts into a URL in place of its access token, to connect once within a minute.
//
//   gct1.base64url(random16 ‖ ends ‖ iat ‖ exp ‖ gen ‖ sid ‖ user id ‖ HMAC-SHA-256 of all before it)
//
// URLs end up in logs of proxies and in histories; a ticket found there is used up or over. Nothing is stored when one
// is made; its key is derived from the session key for this purpose, and the store notes the random part once used.
// Place: behind Sessions::ticket and Sessions::redeem. Threads: immutable after `make`; any thread, no lock.
// Bounds: kTicketBytesMax. Errors: ticket_invalid, ticket_expired; `make` those of session keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "crypto/hash.hpp"
#include "session/session_key.hpp"

namespace gatecast::session {

inline constexpr std::chrono::seconds kTicketLife{60};
inline constexpr std::size_t kTicketBytesMax = 320;

/// Whom a ticket stands for, and what its access token said when it was made.
struct TicketHolder {
  std::string user_id, sid;
  std::int64_t iat = 0;  // of the access token, Unix seconds
  std::int64_t exp = 0;
  std::uint64_t gen = 1;
  bool operator==(const TicketHolder&) const = default;
};

struct OpenedTicket {
  TicketHolder holder;
  std::string nonce;  // what the store is to note as used
  WallTime ends{};
};

class TicketKeys {
 public:
  static Result<TicketKeys> make(const SessionKeyList& keys);

  std::string write(const TicketHolder& holder, WallTime now) const;
  Result<OpenedTicket> open(std::string_view ticket, WallTime now) const;
  /// Whether the text says that it is a ticket, good or bad.
  static bool looks_like(std::string_view text);

 private:
  explicit TicketKeys(std::vector<crypto::HmacKey> keys) : keys_(std::move(keys)) {}
  std::vector<crypto::HmacKey> keys_;
};

}  // namespace gatecast::session
