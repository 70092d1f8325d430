// Notifications of users: made by a back end for one or thousands, read and removed by their user, told to every tab.
//
// Place: over the store; server brings the calls, and sends what `tell` is given. Owner: the process has one.
// Threads: any loop; what has an effect runs on `home`, to which the store answers in the order of commits, so that a
// user's tabs are told in that order. Lifetime: store, clock, home and what `tell` uses outlive it and every call.
// Bounds: kRecipientsMax, kIdsMax, kPageMax, of which who calls has made sure; the inbox of a user Options::held_max.
// Errors: the store's. A call for many that fails in the middle has reached those before: the same call again with its
// key reaches the others.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/loop.hpp"
#include "core/result.hpp"
#include "core/task.hpp"
#include "store/notifications.hpp"

namespace gatecast::inbox {

inline constexpr std::size_t kRecipientsMax = 10'000;  // of one call
inline constexpr std::size_t kIdsMax = 1000;           // named in one call: a message of 24 KB to each tab
inline constexpr std::uint32_t kPageMax = 200;
/// What a client gets of one at once, live and in a page.
inline constexpr std::size_t kKindBytesMax = 64;
inline constexpr std::size_t kKeyBytesMax = 128;
inline constexpr std::size_t kDataBytesMax = 4096;

/// 1 to 64 of [A-Za-z0-9_.:-].
bool is_kind(std::string_view kind);
/// At most 128 printable ASCII characters.
bool is_key(std::string_view key);

/// What a user's tabs are told, after the commit.
struct Event {
  enum class Kind : std::uint8_t { added, read, removed };
  Kind kind = Kind::added;
  std::string user_id;
  std::uint64_t unread = 0;            // of the user, after it
  std::uint64_t version = 0;           // of the inbox, after it: of two events the one with the higher is the later
  store::NotificationRow row{};        // added
  store::NotificationChoice choice{};  // read, removed: of ids, those that changed
};

struct Reached {
  std::size_t notified = 0;
  std::size_t repeated = 0;            // the key was the user's already: nothing is made, nobody told
  std::vector<std::string> unknown{};  // in the order of the call
};

class Inbox {
 public:
  struct Options {
    std::uint32_t held_max = 1000;
    Duration retention = std::chrono::days(90);
  };
  struct Parts {
    store::NotificationStore& store;
    const Clock& clock;
    Loop& home;
    std::function<void(const Event&)> tell;  // on home's thread; must not block
  };
  Inbox(Parts parts, Options options) : parts_(std::move(parts)), options_(options) {}

  /// `request` without its time and bound. Committed and told part by part, so that neither the store's writer nor home
  /// is kept from others.
  Task<Result<Reached>> notify(store::Notify request);
  Task<Result<store::NotificationPage>> list(store::NotificationQuery query);
  Task<Result<store::NotificationsChanged>> read(std::string user_id, store::NotificationChoice choice);
  Task<Result<store::NotificationsChanged>> remove(std::string user_id, store::NotificationChoice choice);
  /// Removes what is older than the retention. Nobody is told: the next page says how it stands.
  Task<void> prune();

 private:
  template <class T>
  Task<T> at_home(Task<T> task);
  Task<Result<Reached>> notify_here(store::Notify request);
  Task<Result<store::NotificationsChanged>> change_here(Event::Kind kind, std::string user_id,
                                                        store::NotificationChoice choice);
  void tell(const Event& event);

  const Parts parts_;
  const Options options_;
};

}  // namespace gatecast::inbox
