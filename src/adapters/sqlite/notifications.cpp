// Notifications: made for many users, read in pages, noted as read, removed. An inbox's counts are the triggers'.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"
#include "store/notification_id.hpp"

namespace gatecast::sqlite {
namespace {

using store::NotificationChoice;
using store::NotificationPage;
using store::NotificationRow;
using store::NotificationsChanged;
using store::Notified;
using store::Notify;

// Notifications over the bound that go with a new one: a bound that was lowered is reached bit by bit.
constexpr std::uint64_t kOverflowAtOnce = 100;

Result<bool> is_known(Database& db, const Notify::Recipient& recipient) {
  if (recipient.foreign) return true;
  auto found = first(db.select("SELECT 1 FROM users WHERE id = ?", recipient.user_id),
                     [](const Query& row) { return row.number(0); });
  if (!found) return found.error();
  return found->has_value();
}

/// Whether the key is new for the user, who has it from now on.
Result<bool> take_key(Database& db, const std::string& user_id, const Notify& request) {
  if (request.key.empty()) return true;
  auto taken = db.run("INSERT INTO notification_keys (user_id, key, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                      user_id, request.key, request.at);
  if (!taken) return taken.error();
  return *taken == 1;
}

struct Inbox {
  std::uint64_t last_seq = 0, held = 0, version = 0;
  std::string tail;  // random: makes ids differ between users, and from those of an earlier user of that name
};

Result<Inbox> next_place(Database& db, const std::string& user_id) {
  auto inbox = first(
      db.select("INSERT INTO inboxes (user_id, last_seq, held, unread, version) VALUES (?, 1, 0, 0, 1)"
                " ON CONFLICT (user_id) DO UPDATE SET last_seq = last_seq + 1, version = version + 1"
                " RETURNING last_seq, held, version, lower(hex(randomblob(6)))",
                user_id),
      [](const Query& row) {
        return Inbox{.last_seq = row.count(0), .held = row.count(1), .version = row.count(2), .tail = row.text(3)};
      });
  if (!inbox) return inbox.error();
  if (!inbox->has_value()) return fail(Errc::store_failed, "no place in the inbox");
  return std::move(**inbox);
}

Result<std::uint64_t> unread_of(Database& db, const std::string& user_id) {
  auto unread = first(db.select("SELECT unread FROM inboxes WHERE user_id = ?", user_id),
                      [](const Query& row) { return row.count(0); });
  if (!unread) return unread.error();
  return unread->value_or(0);
}

Result<Notified> notify_one(Database& db, const Notify::Recipient& recipient, const Notify& request) {
  Notified done;
  auto known = is_known(db, recipient);
  if (!known) return known.error();
  if (!*known) return done;
  auto fresh = take_key(db, recipient.user_id, request);
  if (!fresh) return fresh.error();
  done.outcome = *fresh ? Notified::Outcome::made : Notified::Outcome::repeated;
  if (!*fresh) return done;
  auto inbox = next_place(db, recipient.user_id);
  if (!inbox) return inbox.error();
  done.row = {.seq = inbox->last_seq,
              .id = fmt::format("{}-{}", inbox->last_seq, inbox->tail),
              .user_id = recipient.user_id,
              .key = request.key,
              .kind = request.kind,
              .created_at = request.at};
  auto inserted =
      db.run("INSERT INTO notifications (user_id, seq, id, key, kind, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
             recipient.user_id, static_cast<std::int64_t>(done.row.seq), done.row.id, request.key, request.kind,
             request.data, request.at);
  if (!inserted) return inserted.error();
  if (inbox->held + 1 > request.held_max) {
    const auto over = std::min(inbox->held + 1 - request.held_max, kOverflowAtOnce);
    auto gone = db.run(
        "DELETE FROM notifications WHERE user_id = ?1 AND seq IN"
        " (SELECT seq FROM notifications WHERE user_id = ?1 ORDER BY seq LIMIT ?2)",
        recipient.user_id, static_cast<std::int64_t>(over));
    if (!gone) return gone.error();
  }
  auto unread = unread_of(db, recipient.user_id);
  if (!unread) return unread.error();
  done.unread = *unread;
  done.version = inbox->version;
  return done;
}

/// Runs `sql` for each of the ids that may be the user's, and notes those which it changed.
template <class... A>
Result<void> change_each(Database& db, const std::vector<std::string>& ids, NotificationsChanged& changed,
                         std::string_view sql, const std::string& user_id, const A&... more) {
  for (const std::string& id : ids) {
    const std::int64_t seq = store::place_in(id);
    if (seq == 0) continue;
    auto done = db.run(sql, user_id, seq, id, more...);
    if (!done) return done.error();
    if (*done == 0) continue;
    ++changed.count;
    changed.ids.push_back(id);
  }
  return {};
}

/// Counts the change, where there was one, and says how the inbox stands.
Result<NotificationsChanged> counted(Database& db, const std::string& user_id, NotificationsChanged changed) {
  if (changed.count > 0) {
    auto noted = db.run("UPDATE inboxes SET version = version + 1 WHERE user_id = ?", user_id);
    if (!noted) return noted.error();
  }
  auto inbox = first(db.select("SELECT unread, version FROM inboxes WHERE user_id = ?", user_id),
                     [](const Query& row) { return std::pair{row.count(0), row.count(1)}; });
  if (!inbox) return inbox.error();
  std::tie(changed.unread, changed.version) = inbox->value_or(std::pair<std::uint64_t, std::uint64_t>{});
  return changed;
}

}  // namespace

Result<std::vector<Notified>> notify(Database& db, const Notify& request) {
  std::vector<Notified> done;
  done.reserve(request.recipients.size());
  for (const auto& recipient : request.recipients) {
    auto one = notify_one(db, recipient, request);
    if (!one) return one.error();
    done.push_back(std::move(*one));
  }
  return done;
}

// One statement, so that the count and the rows are of one moment; an inbox without rows gives the count alone.
Result<NotificationPage> notifications(Database& db, const store::NotificationQuery& query) {
  constexpr std::string_view kAll =
      "SELECT i.unread, n.seq, n.id, n.key, n.kind, n.data, n.created_at, n.read_at, i.version FROM inboxes i"
      " LEFT JOIN notifications n ON n.user_id = i.user_id AND n.seq < ?2"
      " WHERE i.user_id = ?1 ORDER BY n.seq DESC LIMIT ?3";
  constexpr std::string_view kUnread =
      "SELECT i.unread, n.seq, n.id, n.key, n.kind, n.data, n.created_at, n.read_at, i.version FROM inboxes i"
      " LEFT JOIN notifications n ON n.user_id = i.user_id AND n.seq < ?2 AND n.read_at IS NULL"
      " WHERE i.user_id = ?1 ORDER BY n.seq DESC LIMIT ?3";
  NotificationPage page;
  auto rows = collect(db.select(query.unread ? kUnread : kAll, query.user_id, static_cast<std::int64_t>(query.before),
                                std::int64_t{query.limit} + 1),
                      [&page, &query](const Query& row) {
                        page.unread = row.count(0);
                        page.version = row.count(8);
                        NotificationRow one{.seq = row.is_null(1) ? 0 : row.count(1),
                                            .id = row.text(2),
                                            .user_id = query.user_id,
                                            .key = row.text(3),
                                            .kind = row.text(4),
                                            .data = row.text(5)};
                        if (one.seq != 0) one.created_at = row.time(6);
                        if (!row.is_null(7)) one.read_at = row.time(7);
                        return one;
                      });
  if (!rows) return rows.error();
  page.rows = std::move(*rows);
  if (!page.rows.empty() && page.rows.front().seq == 0) page.rows.clear();
  page.more = page.rows.size() > query.limit;
  if (page.more) page.rows.pop_back();
  return page;
}

Result<NotificationsChanged> read_notifications(Database& db, const std::string& user_id,
                                                const NotificationChoice& choice, WallTime at) {
  NotificationsChanged changed;
  if (choice.kind == NotificationChoice::Kind::ids) {
    auto each = change_each(
        db, choice.ids, changed,
        "UPDATE notifications SET read_at = ?4 WHERE user_id = ?1 AND seq = ?2 AND id = ?3 AND read_at IS NULL",
        user_id, at);
    if (!each) return each.error();
  } else if (choice.kind == NotificationChoice::Kind::all) {
    auto all = db.run("UPDATE notifications SET read_at = ?2 WHERE user_id = ?1 AND read_at IS NULL", user_id, at);
    if (!all) return all.error();
    changed.count = *all;
  }
  return counted(db, user_id, std::move(changed));
}

Result<NotificationsChanged> remove_notifications(Database& db, const std::string& user_id,
                                                  const NotificationChoice& choice) {
  NotificationsChanged changed;
  if (choice.kind == NotificationChoice::Kind::ids) {
    auto each = change_each(db, choice.ids, changed,
                            "DELETE FROM notifications WHERE user_id = ?1 AND seq = ?2 AND id = ?3", user_id);
    if (!each) return each.error();
  } else {
    const bool all = choice.kind == NotificationChoice::Kind::all;
    auto gone = db.run(all ? "DELETE FROM notifications WHERE user_id = ?"
                           : "DELETE FROM notifications WHERE user_id = ? AND read_at IS NOT NULL",
                       user_id);
    if (!gone) return gone.error();
    changed.count = *gone;
  }
  return counted(db, user_id, std::move(changed));
}

Result<std::uint64_t> prune_notifications(Database& db, WallTime before, std::uint32_t limit) {
  const auto most = static_cast<std::int64_t>(limit);
  auto rows = db.run(
      "DELETE FROM notifications WHERE rowid IN"
      " (SELECT rowid FROM notifications WHERE created_at < ? ORDER BY created_at LIMIT ?)",
      before, most);
  if (!rows) return rows;
  auto keys = db.run(
      "DELETE FROM notification_keys WHERE (user_id, key) IN"
      " (SELECT user_id, key FROM notification_keys WHERE at < ? ORDER BY at LIMIT ?)",
      before, most);
  if (!keys) return keys;
  return *rows + *keys;
}

Result<void> forget_notifications(Database& db, const std::string& user_id) {
  for (const char* sql : {"DELETE FROM notifications WHERE user_id = ?", "DELETE FROM inboxes WHERE user_id = ?",
                          "DELETE FROM notification_keys WHERE user_id = ?"}) {
    if (auto gone = db.run(sql, user_id); !gone) return gone.error();
  }
  return {};
}

}  // namespace gatecast::sqlite
