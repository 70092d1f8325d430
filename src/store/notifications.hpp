// Notifications in the store: rows, and what may be done with them.
//
// Place: a part of store::Store, apart so that inbox depends on it alone; under the contract suite
// (store/contract_notifications_cases.hpp). Threads, durability: those of store::Store. Errors: its errors, each
// without effect. Bounds: who calls keeps those below; a user has at most as many notifications as each call says.
// Order: answers reach one loop in the order of the commits.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/task.hpp"

namespace gatecast::store {

struct NotificationRow {
  /// The place among its user's: rises, and is never given twice.
  std::uint64_t seq = 0;
  std::string id{};  // given by the store; begins with the place
  std::string user_id{};
  std::string key{};  // the back end's own name of it; empty: none
  std::string kind{};
  std::string data{};  // one JSON value's text
  WallTime created_at{};
  std::optional<WallTime> read_at{};
};

/// The same notification for several users.
struct Notify {
  struct Recipient {
    std::string user_id;
    bool foreign = false;  // a trusted issuer's user, of whom the store has no row
  };
  std::vector<Recipient> recipients;  // distinct
  std::string kind;
  std::string data;
  std::string key{};  // of one user's earlier notification, though it be gone: not made again
  WallTime at{};
  std::uint32_t held_max = 0;  // notifications a user may have; the oldest over it go
};

/// What became of one recipient.
struct Notified {
  enum class Outcome : std::uint8_t { made, repeated, unknown };
  Outcome outcome = Outcome::unknown;
  NotificationRow row{};      // made: without data, which is the call's
  std::uint64_t unread = 0;   // made: of the user, after it
  std::uint64_t version = 0;  // made: of the inbox, after it
};

struct NotificationQuery {
  std::string user_id;
  std::uint64_t before = std::numeric_limits<std::int64_t>::max();  // places below it, the newest first
  std::uint32_t limit = 50;
  bool unread = false;  // only those not read
};

struct NotificationPage {
  std::vector<NotificationRow> rows;
  std::uint64_t unread = 0;   // of the user, whatever the query
  std::uint64_t version = 0;  // of the inbox
  bool more = false;          // there are some behind the last row
};

/// Which of a user's notifications are meant.
struct NotificationChoice {
  enum class Kind : std::uint8_t { ids, all, read };
  Kind kind = Kind::ids;
  std::vector<std::string> ids{};  // those that are not the user's are passed over
};

struct NotificationsChanged {
  std::uint64_t count = 0;
  std::vector<std::string> ids{};  // where ids were given: those that changed
  std::uint64_t unread = 0;        // of the user, after it
  std::uint64_t version = 0;       // of the inbox, after it: rises by one with each call that changes it
};

class NotificationStore {
 public:
  virtual ~NotificationStore() = default;

  /// One transaction, one answer for each recipient in order; who makes it long keeps others waiting.
  virtual Task<Result<std::vector<Notified>>> notify(Notify request) = 0;
  virtual Task<Result<NotificationPage>> notifications(NotificationQuery query) = 0;
  /// Notes as read what is not yet; `read` chooses nothing. Idempotent.
  virtual Task<Result<NotificationsChanged>> read_notifications(std::string user_id, NotificationChoice choice,
                                                                WallTime at) = 0;
  /// Their keys stay known.
  virtual Task<Result<NotificationsChanged>> remove_notifications(std::string user_id, NotificationChoice choice) = 0;
  /// Removes at most `limit` notifications, and as many keys, from before then; gives how many went.
  virtual Task<Result<std::uint64_t>> prune_notifications(WallTime before, std::uint32_t limit) = 0;
};

}  // namespace gatecast::store
