// Notifications: made for many users, read in pages, noted as read, removed. Whoever changes an inbox has its row
// locked, and the statement that changes its notifications counts them in it.
#include <algorithm>
#include <map>

#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/sql_affairs.hpp"
#include "adapters/postgres/sql_end.hpp"
#include "store/notification_id.hpp"

namespace gatecast::postgres {
namespace {

using store::NotificationChoice;
using store::NotificationPage;
using store::NotificationRow;
using store::NotificationsChanged;
using store::Notified;
using store::Notify;

// Notifications over the bound that go with a new one: a bound that was lowered is reached bit by bit.
constexpr std::int64_t kOverflowAtOnce = 100;

constexpr Statement kLockUsers{"notify.lock_users",
                               "SELECT 1 FROM gatecast.users WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE"};
// Inboxes are taken in the order of users, so that two such statements never wait for each other in a ring. An id ends
// with chance, which makes it differ between users, and from those of an earlier user of that name.
constexpr Statement kMake{"notify.make", R"sql(
WITH wanted AS (
  SELECT r.id FROM unnest($1, $2) AS r (id, outside)
  WHERE r.outside OR EXISTS (SELECT 1 FROM gatecast.users u WHERE u.id = r.id)
), fresh AS (
  INSERT INTO gatecast.notification_keys (user_id, key, at)
  SELECT id, $3, $6 FROM wanted WHERE $3 <> '' ORDER BY id
  ON CONFLICT DO NOTHING RETURNING user_id
), place AS (
  INSERT INTO gatecast.inboxes AS i (user_id, last_seq, held, unread, version)
  SELECT id, 1, 1, 1, 1 FROM wanted WHERE $3 = '' OR id IN (SELECT user_id FROM fresh) ORDER BY id
  ON CONFLICT (user_id) DO UPDATE
  SET last_seq = i.last_seq + 1, held = i.held + 1, unread = i.unread + 1, version = i.version + 1
  RETURNING i.user_id, i.last_seq, i.held, i.unread, i.version
), made AS (
  INSERT INTO gatecast.notifications (user_id, seq, id, key, kind, data, created_at)
  SELECT user_id, last_seq,
         last_seq || '-' || substr(md5(random()::text || clock_timestamp()::text || user_id), 1, 12), $3, $4, $5, $6
  FROM place
  RETURNING user_id, id
)
SELECT w.id, m.id, p.last_seq, p.held, p.unread, p.version
FROM wanted w LEFT JOIN place p ON p.user_id = w.id LEFT JOIN made m ON m.user_id = w.id
)sql"};
constexpr Statement kOverflow{"notify.overflow", R"sql(
WITH gone AS (
  DELETE FROM gatecast.notifications n
  USING gatecast.inboxes i,
        LATERAL (SELECT o.seq FROM gatecast.notifications o WHERE o.user_id = i.user_id
                 ORDER BY o.seq LIMIT least(i.held - $2, $3)) d
  WHERE i.user_id = ANY ($1) AND i.held > $2 AND n.user_id = i.user_id AND n.seq = d.seq
  RETURNING n.user_id, n.read_at
), per AS (
  SELECT user_id, count(*) AS all_of_them, count(*) FILTER (WHERE read_at IS NULL) AS unread FROM gone GROUP BY user_id
)
UPDATE gatecast.inboxes i SET held = i.held - per.all_of_them, unread = i.unread - per.unread
FROM per WHERE i.user_id = per.user_id RETURNING i.user_id, i.unread
)sql"};

// One statement each, so that the count and the rows are of one moment; an inbox without rows gives the count alone.
#define GATECAST_PG_PAGE(condition)                                                                                 \
  "SELECT i.unread, i.version, n.seq, n.id, n.key, n.kind, n.data, n.created_at, n.read_at FROM gatecast.inboxes i" \
  " LEFT JOIN LATERAL (SELECT * FROM gatecast.notifications m WHERE m.user_id = $1 AND m.seq < $2" condition        \
  " ORDER BY m.seq DESC LIMIT $3) n ON true WHERE i.user_id = $1 ORDER BY n.seq DESC"
constexpr Statement kPage{"notifications.page", GATECAST_PG_PAGE("")};
constexpr Statement kUnreadPage{"notifications.unread_page", GATECAST_PG_PAGE(" AND m.read_at IS NULL")};

constexpr Statement kLockInbox{"notifications.lock", "SELECT 1 FROM gatecast.inboxes WHERE user_id = $1 FOR UPDATE"};
/// `change` gives id and, of what was removed, whether it was unread; then the inbox counts it and says how it stands.
#define GATECAST_PG_CHANGE(change, held, unread)                                                   \
  "WITH changed AS (" change                                                                       \
  " RETURNING n.id, n.read_at), counted AS (SELECT count(*) AS n,"                                 \
  " count(*) FILTER (WHERE read_at IS NULL) AS unread FROM changed), noted AS ("                   \
  "UPDATE gatecast.inboxes i SET held = i.held - " held ", unread = i.unread - " unread            \
  ", version = i.version + least(c.n, 1) FROM counted c WHERE i.user_id = $1 RETURNING i.unread, " \
  "i.version, c.n) SELECT o.unread, o.version, o.n"
constexpr Statement kReadThese{
    "notifications.read",
    GATECAST_PG_CHANGE("UPDATE gatecast.notifications n SET read_at = $4 FROM unnest($2, $3) AS c (seq, id)"
                       " WHERE n.user_id = $1 AND n.seq = c.seq AND n.id = c.id AND n.read_at IS NULL",
                       "0", "c.n") ", d.id FROM noted o LEFT JOIN changed d ON true"};
constexpr Statement kReadAll{
    "notifications.read_all",
    GATECAST_PG_CHANGE("UPDATE gatecast.notifications n SET read_at = $2 WHERE n.user_id = $1 AND n.read_at IS NULL",
                       "0", "c.n") " FROM noted o"};
constexpr Statement kRemoveThese{
    "notifications.remove",
    GATECAST_PG_CHANGE("DELETE FROM gatecast.notifications n USING unnest($2, $3) AS c (seq, id)"
                       " WHERE n.user_id = $1 AND n.seq = c.seq AND n.id = c.id",
                       "c.n", "c.unread") ", d.id FROM noted o LEFT JOIN changed d ON true"};
constexpr Statement kRemoveAll{
    "notifications.remove_all",
    GATECAST_PG_CHANGE("DELETE FROM gatecast.notifications n WHERE n.user_id = $1 AND ($2 OR n.read_at IS NOT NULL)",
                       "c.n", "c.unread") " FROM noted o"};
constexpr Statement kStanding{"notifications.standing",
                              "SELECT unread, version, 0 FROM gatecast.inboxes WHERE user_id = $1"};

constexpr Statement kLockOld{"notifications.lock_old",
                             "SELECT user_id FROM gatecast.inboxes WHERE user_id IN (SELECT user_id FROM"
                             " gatecast.notifications WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
                             " ORDER BY user_id FOR UPDATE"};
constexpr Statement kPrune{"notifications.prune", R"sql(
WITH gone AS (
  DELETE FROM gatecast.notifications n
  USING (SELECT user_id, seq FROM gatecast.notifications WHERE created_at < $1 AND user_id = ANY ($3)
         ORDER BY created_at LIMIT $2) d
  WHERE n.user_id = d.user_id AND n.seq = d.seq
  RETURNING n.user_id, n.read_at
), per AS (
  SELECT user_id, count(*) AS all_of_them, count(*) FILTER (WHERE read_at IS NULL) AS unread FROM gone GROUP BY user_id
), noted AS (
  UPDATE gatecast.inboxes i SET held = i.held - per.all_of_them, unread = i.unread - per.unread
  FROM per WHERE i.user_id = per.user_id
)
SELECT count(*) FROM gone
)sql"};
constexpr Statement kPruneKeys{"notifications.prune_keys",
                               "DELETE FROM gatecast.notification_keys WHERE at < $1 AND (user_id, key) IN"
                               " (SELECT user_id, key FROM gatecast.notification_keys WHERE at < $1"
                               " ORDER BY at LIMIT $2)"};

constexpr Statement kForget{"notifications.forget", "DELETE FROM gatecast.notifications WHERE user_id = $1"};
constexpr Statement kForgetInbox{"notifications.forget_inbox", "DELETE FROM gatecast.inboxes WHERE user_id = $1"};
constexpr Statement kForgetKeys{"notifications.forget_keys",
                                "DELETE FROM gatecast.notification_keys WHERE user_id = $1"};

std::int64_t whole(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::int64_t>::max()));
}

struct Recipients {
  std::vector<std::string> ids;  // sorted
  std::vector<bool> foreign;
};

Recipients sorted(const Notify& request) {
  std::map<std::string, bool> by_id;
  for (const auto& recipient : request.recipients) by_id.emplace(recipient.user_id, recipient.foreign);
  Recipients out;
  for (const auto& [id, foreign] : by_id) {
    out.ids.push_back(id);
    out.foreign.push_back(foreign);
  }
  return out;
}

Task<Result<std::vector<Notified>>> notify_in(Transaction& transaction, const Notify& request,
                                              const Recipients& recipients) {
  Batch make;
  make.add(kLockUsers, recipients.ids);
  make.add(kMake, recipients.ids, recipients.foreign, request.key, request.kind, request.data, request.at);
  auto answers = co_await transaction.run(std::move(make));
  if (!answers) co_return answers.error();
  std::map<std::string, Notified> made;
  std::vector<std::string> over;
  for (int i = 0; i < (*answers)[1].size(); ++i) {
    const Row row = (*answers)[1][i];
    Notified& one = made[row.text(0)];
    one.outcome = row.is_null(1) ? Notified::Outcome::repeated : Notified::Outcome::made;
    if (row.is_null(1)) continue;
    one.row = {.seq = row.count(2),
               .id = row.text(1),
               .user_id = row.text(0),
               .key = request.key,
               .kind = request.kind,
               .created_at = request.at};
    one.unread = row.count(4);
    one.version = row.count(5);
    if (row.count(3) > request.held_max) over.push_back(row.text(0));
  }
  Batch last;
  if (!over.empty()) last.add(kOverflow, over, request.held_max, kOverflowAtOnce);
  auto done = co_await transaction.commit(std::move(last));
  if (!done) co_return done.error();
  if (!over.empty()) {
    const Rows& rows = done->front();
    for (int i = 0; i < rows.size(); ++i) made[rows[i].text(0)].unread = rows[i].count(1);
  }
  std::vector<Notified> out;
  for (const auto& recipient : request.recipients) out.push_back(made[recipient.user_id]);
  co_return out;
}

/// Those of the ids that may be the user's, once each, with their places.
struct Chosen {
  std::vector<std::int64_t> places;
  std::vector<std::string> ids;
};
Chosen chosen(const std::vector<std::string>& ids) {
  Chosen out;
  for (const std::string& id : ids) {
    const std::int64_t place = store::place_in(id);
    if (place == 0 || std::ranges::find(out.ids, id) != out.ids.end()) continue;
    out.places.push_back(place);
    out.ids.push_back(id);
  }
  return out;
}

/// What a change's statement said: unread, version, how many, and where `ids` were chosen the id of each.
NotificationsChanged changed_from(const Rows& rows, const std::vector<std::string>* ids) {
  NotificationsChanged changed;
  if (rows.empty()) return changed;
  changed.unread = rows.front().count(0);
  changed.version = rows.front().count(1);
  changed.count = rows.front().count(2);
  if (ids == nullptr || changed.count == 0) return changed;
  const auto all = collect(rows, [](const Row& row) { return row.text(3); });
  for (const std::string& id : *ids) {
    if (std::ranges::find(all, id) != all.end()) changed.ids.push_back(id);
  }
  return changed;
}

Task<Result<NotificationsChanged>> change_in(Transaction& transaction, const Batch& statements,
                                             const std::vector<std::string>* ids) {
  auto done = co_await transaction.commit(statements);
  if (!done) co_return done.error();
  co_return changed_from(done->back(), ids);
}

Task<Result<std::uint64_t>> prune_in(Transaction& transaction, WallTime before, std::uint32_t limit) {
  auto locked = co_await transaction.query(kLockOld, before, limit);
  if (!locked) co_return locked.error();
  Batch last;
  last.add(kPruneKeys, before, limit).add(kPrune, before, limit, collect(*locked, text_from));
  auto done = co_await transaction.commit(std::move(last));
  if (!done) co_return done.error();
  co_return (*done)[0].affected() + (*done)[1].front().count(0);
}

/// The change in one round trip: the inbox is locked before the change's statement begins.
Task<Result<NotificationsChanged>> change(Op op, const std::string& user_id, Batch statements,
                                          const std::vector<std::string>* ids) {
  auto turn = co_await op.engine->turns().take(user_id, op.deadline);
  if (!turn) co_return turn.error();
  co_return co_await in_transaction<NotificationsChanged>(
      op, [&statements, ids](Transaction& transaction) { return change_in(transaction, statements, ids); });
}

}  // namespace

Task<Result<std::vector<Notified>>> notify(Op op, const Notify& request) {
  const Recipients recipients = sorted(request);
  // Tabs are told of each user's notifications in the order of their places.
  std::vector<Turns::Turn> turns;
  for (const std::string& id : recipients.ids) {
    auto turn = co_await op.engine->turns().take(id, op.deadline);
    if (!turn) co_return turn.error();
    turns.push_back(std::move(*turn));
  }
  co_return co_await in_transaction<std::vector<Notified>>(
      op, [&request, &recipients](Transaction& transaction) { return notify_in(transaction, request, recipients); });
}

Task<Result<NotificationPage>> notifications(Op op, const store::NotificationQuery& query) {
  auto rows = co_await read(op, query.unread ? kUnreadPage : kPage, query.user_id, whole(query.before),
                            std::int64_t{query.limit} + 1);
  if (!rows) co_return rows.error();
  NotificationPage page;
  for (int i = 0; i < rows->size(); ++i) {
    const Row row = (*rows)[i];
    page.unread = row.count(0);
    page.version = row.count(1);
    if (row.is_null(2)) break;
    NotificationRow one{.seq = row.count(2),
                        .id = row.text(3),
                        .user_id = query.user_id,
                        .key = row.text(4),
                        .kind = row.text(5),
                        .data = row.text(6),
                        .created_at = row.time(7)};
    if (!row.is_null(8)) one.read_at = row.time(8);
    page.rows.push_back(std::move(one));
  }
  page.more = page.rows.size() > query.limit;
  if (page.more) page.rows.pop_back();
  co_return page;
}

Task<Result<NotificationsChanged>> read_notifications(Op op, const std::string& user_id,
                                                      const NotificationChoice& choice, WallTime at) {
  Batch batch;
  if (choice.kind == NotificationChoice::Kind::ids) {
    const Chosen these = chosen(choice.ids);
    batch.add(kLockInbox, user_id).add(kReadThese, user_id, these.places, these.ids, at);
    co_return co_await change(op, user_id, std::move(batch), &these.ids);
  }
  if (choice.kind == NotificationChoice::Kind::all) {
    batch.add(kLockInbox, user_id).add(kReadAll, user_id, at);
  } else {
    batch.add(kStanding, user_id);
  }
  co_return co_await change(op, user_id, std::move(batch), nullptr);
}

Task<Result<NotificationsChanged>> remove_notifications(Op op, const std::string& user_id,
                                                        const NotificationChoice& choice) {
  Batch batch;
  batch.add(kLockInbox, user_id);
  if (choice.kind == NotificationChoice::Kind::ids) {
    const Chosen these = chosen(choice.ids);
    batch.add(kRemoveThese, user_id, these.places, these.ids);
    co_return co_await change(op, user_id, std::move(batch), &these.ids);
  }
  batch.add(kRemoveAll, user_id, choice.kind == NotificationChoice::Kind::all);
  co_return co_await change(op, user_id, std::move(batch), nullptr);
}

Task<Result<std::uint64_t>> prune_notifications(Op op, WallTime before, std::uint32_t limit) {
  co_return co_await in_transaction<std::uint64_t>(
      op, [before, limit](Transaction& transaction) { return prune_in(transaction, before, limit); });
}

void put_forget_notifications(Batch& batch, const std::string& user_id) {
  batch.add(kForget, user_id).add(kForgetInbox, user_id).add(kForgetKeys, user_id);
}

}  // namespace gatecast::postgres
