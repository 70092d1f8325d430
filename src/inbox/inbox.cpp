#include "inbox/inbox.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "metrics/registry.hpp"

namespace gatecast::inbox {
namespace {

using store::NotificationChoice;
using store::NotificationsChanged;
using store::Notified;

// Recipients of one transaction, and tabs told in one turn: a few milliseconds.
constexpr std::size_t kRecipientsAtOnce = 100;
constexpr std::uint32_t kPrunedAtOnce = 500;

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <class T>
Task<void> run_and_resume(Task<T> task, Resume<T> resume) {
  T done = co_await std::move(task);
  resume(std::move(done));
}

}  // namespace

bool is_kind(std::string_view kind) {
  return !kind.empty() && kind.size() <= kKindBytesMax && std::ranges::all_of(kind, [](char c) {
    return is_alphanumeric(c) || c == '_' || c == '.' || c == ':' || c == '-';
  });
}

bool is_key(std::string_view key) {
  return key.size() <= kKeyBytesMax && std::ranges::all_of(key, [](char c) { return c >= 0x20 && c < 0x7f; });
}

template <class T>
Task<T> Inbox::at_home(Task<T> task) {
  if (Loop::current() == &parts_.home) co_return co_await std::move(task);
  co_return co_await arrival<T>([this, &task](Resume<T> resume) {
    parts_.home.post([task = std::move(task), resume = std::move(resume)]() mutable {
      spawn(run_and_resume<T>(std::move(task), std::move(resume)));
    });
  });
}

void Inbox::tell(const Event& event) {
  metrics::count<"notification_pushes_total">();
  parts_.tell(event);
}

Task<Result<Reached>> Inbox::notify(store::Notify request) {
  co_return co_await at_home<Result<Reached>>(notify_here(std::move(request)));
}

Task<Result<Reached>> Inbox::notify_here(store::Notify request) {
  Reached reached;
  const std::vector<store::Notify::Recipient> all = std::move(request.recipients);
  request.at = parts_.clock.wall();
  request.held_max = options_.held_max;
  for (std::size_t from = 0; from < all.size(); from += kRecipientsAtOnce) {
    const auto end = std::min(from + kRecipientsAtOnce, all.size());
    request.recipients.assign(all.begin() + static_cast<std::ptrdiff_t>(from),
                              all.begin() + static_cast<std::ptrdiff_t>(end));
    auto done = co_await parts_.store.notify(request);
    if (!done) co_return done.error();
    for (std::size_t i = 0; i < done->size(); ++i) {
      Notified& one = (*done)[i];
      if (one.outcome == Notified::Outcome::unknown) reached.unknown.push_back(all[from + i].user_id);
      if (one.outcome == Notified::Outcome::repeated) ++reached.repeated;
      if (one.outcome != Notified::Outcome::made) continue;
      ++reached.notified;
      metrics::count<"notifications_created_total">();
      one.row.data = request.data;
      tell({.kind = Event::Kind::added,
            .user_id = all[from + i].user_id,
            .unread = one.unread,
            .version = one.version,
            .row = std::move(one.row)});
    }
  }
  co_return reached;
}

Task<Result<store::NotificationPage>> Inbox::list(store::NotificationQuery query) {
  co_return co_await parts_.store.notifications(std::move(query));
}

Task<Result<NotificationsChanged>> Inbox::read(std::string user_id, NotificationChoice choice) {
  co_return co_await at_home<Result<NotificationsChanged>>(
      change_here(Event::Kind::read, std::move(user_id), std::move(choice)));
}

Task<Result<NotificationsChanged>> Inbox::remove(std::string user_id, NotificationChoice choice) {
  co_return co_await at_home<Result<NotificationsChanged>>(
      change_here(Event::Kind::removed, std::move(user_id), std::move(choice)));
}

Task<Result<NotificationsChanged>> Inbox::change_here(Event::Kind kind, std::string user_id,
                                                      NotificationChoice choice) {
  Result<NotificationsChanged> changed = Errc::internal;
  if (kind == Event::Kind::read) {
    changed = co_await parts_.store.read_notifications(user_id, choice, parts_.clock.wall());
  } else {
    changed = co_await parts_.store.remove_notifications(user_id, choice);
  }
  if (!changed || changed->count == 0) co_return changed;
  choice.ids = changed->ids;
  tell({.kind = kind,
        .user_id = std::move(user_id),
        .unread = changed->unread,
        .version = changed->version,
        .choice = std::move(choice)});
  co_return changed;
}

Task<void> Inbox::prune() {
  const WallTime before = parts_.clock.wall() - std::chrono::duration_cast<WallTime::duration>(options_.retention);
  for (;;) {
    auto gone = co_await parts_.store.prune_notifications(before, kPrunedAtOnce);
    if (!gone) log::warn("prune_failed", {{"code", info(gone.error().code).name}, {"detail", gone.error().detail}});
    if (!gone || *gone == 0) co_return;
  }
}

}  // namespace gatecast::inbox
