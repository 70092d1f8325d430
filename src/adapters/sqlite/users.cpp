// Users: read, blocked, deleted. What an application says of them is upsert.cpp's.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"

namespace gatecast::sqlite {

using store::SessionRow;
using store::UserRow;
using store::UserView;

namespace {

constexpr std::uint32_t kUsersRead = 1000;

/// Rows of a user beside one identity each, or none, in the order of users.
Result<std::vector<UserView>> views(Query query) {
  std::vector<UserView> users;
  for (;;) {
    Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) return users;
    if (users.empty() || users.back().user.id != query.text(0)) {
      users.push_back({.user = user_from(query, 0), .identities = {}});
    }
    if (!query.is_null(kUserColumnCount)) users.back().identities.push_back(identity_from(query, kUserColumnCount));
  }
}

Result<UserView> only(Result<std::vector<UserView>> users) {
  if (!users) return users.error();
  if (users->empty()) return fail(Errc::user_unknown);
  return std::move(users->front());
}

Result<void> forget_after(Database& db, const std::string& user_id, std::uint64_t seq) {
  auto forgotten = db.run("UPDATE audit SET ip = '', detail = '' WHERE id > ? AND user_id = ?",
                          static_cast<std::int64_t>(seq), user_id);
  if (!forgotten) return forgotten.error();
  return {};
}

}  // namespace

Result<std::optional<UserRow>> find_user(Database& db, const std::string& user_id) {
  return first(db.select("SELECT " GATECAST_USER_COLUMNS " FROM users u WHERE u.id = ?", user_id),
               [](const Query& row) { return user_from(row, 0); });
}

// Where the code is taken, SQLite's own random source gives another of eight hexadecimal digits: a code is public and
// guards nothing, it only has to be unique.
Result<void> insert_user(Database& db, UserRow& user) {
  constexpr int kAttempts = 8;  // with a million users, eight in a row taken is one in 10^29
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0 || user.ref_code.empty()) {
      auto other = first(db.select("SELECT lower(hex(randomblob(4)))"), text_from);
      if (!other) return other.error();
      user.ref_code = other->value_or("");
    }
    auto inserted = db.run(
        "INSERT INTO users (id, nickname, avatar, is_creator, is_verified, blocked, ref_code, referrer, session_epoch,"
        " created_at, claims) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ref_code) DO NOTHING",
        user.id, user.nickname, user.avatar, user.is_creator, user.is_verified, user.blocked, user.ref_code,
        user.referrer, static_cast<std::int64_t>(user.session_epoch), user.created_at, user.claims);
    if (!inserted) return inserted.error();
    if (*inserted == 1) return {};
  }
  return fail(Errc::store_failed, "no free ref_code found");
}

Result<UserView> user(Database& db, const std::string& user_id) {
  return only(views(db.select("SELECT " GATECAST_USER_COLUMNS ", " GATECAST_IDENTITY_COLUMNS
                              " FROM users u LEFT JOIN identities i ON i.user_id = u.id WHERE u.id = ?"
                              " ORDER BY i.created_at, i.id",
                              user_id)));
}

Result<UserView> user_of(Database& db, const std::string& kind, const std::string& subject) {
  return only(views(db.select("SELECT " GATECAST_USER_COLUMNS ", " GATECAST_IDENTITY_COLUMNS
                              " FROM identities of JOIN users u ON u.id = of.user_id"
                              " JOIN identities i ON i.user_id = u.id WHERE of.kind = ? AND of.subject = ?"
                              " ORDER BY i.created_at, i.id",
                              kind, subject)));
}

Result<std::vector<UserView>> users(Database& db, const std::string& after, std::uint32_t limit) {
  return views(db.select("SELECT " GATECAST_USER_COLUMNS ", " GATECAST_IDENTITY_COLUMNS
                         " FROM (SELECT * FROM users WHERE id > ? ORDER BY id LIMIT ?) u"
                         " LEFT JOIN identities i ON i.user_id = u.id ORDER BY u.id, i.created_at, i.id",
                         after, static_cast<std::int64_t>(std::min(limit, kUsersRead))));
}

Result<store::Blocked> block_user(Database& db, const std::string& user_id, bool blocked, WallTime at,
                                  const std::string& ip, const std::string& actor) {
  auto found = find_user(db, user_id);
  if (!found) return found.error();
  if (!found->has_value()) return fail(Errc::user_unknown);
  store::Blocked done{.user = std::move(**found), .now = false, .ended = {}};
  if (done.user.blocked == blocked) return done;

  auto written = db.run("UPDATE users SET blocked = ? WHERE id = ?", blocked, user_id);
  if (!written) return written.error();
  auto noted = audit(
      db,
      {{.at = at, .kind = blocked ? "user_blocked" : "user_unblocked", .user_id = user_id, .ip = ip, .detail = actor}});
  if (!noted) return noted.error();
  done.user.blocked = blocked;
  done.now = true;
  if (!blocked) return done;
  auto ended = end_sessions(db, user_id, {}, Errc::user_blocked, at, ip);
  if (!ended) return ended.error();
  ++done.user.session_epoch;
  done.ended = std::move(*ended);
  return done;
}

Result<bool> has_affairs(Database& db, const std::string& user_id) {
  auto found = first(db.select("SELECT 1 FROM grant_holders WHERE user_id = ?1"
                               " UNION ALL SELECT 1 FROM inboxes WHERE user_id = ?1 LIMIT 1",
                               user_id),
                     [](const Query& row) { return row.number(0); });
  if (!found) return found.error();
  return found->has_value();
}

Result<std::vector<SessionRow>> delete_user(Database& db, const std::string& user_id, std::uint64_t forgotten_to,
                                            WallTime at, const std::string& actor) {
  auto ended = end_sessions(db, user_id, {}, Errc::ended_by_operator, at, {});
  if (!ended) return ended;
  if (auto forgotten = forget_after(db, user_id, forgotten_to); !forgotten) return forgotten.error();
  for (const char* sql : {"DELETE FROM sessions WHERE user_id = ?", "DELETE FROM identities WHERE user_id = ?",
                          "UPDATE users SET referrer = NULL WHERE referrer = ?"}) {
    if (auto removed = db.run(sql, user_id); !removed) return removed.error();
  }
  auto affairs = has_affairs(db, user_id);
  if (!affairs) return affairs.error();
  if (auto forgotten = forget_notifications(db, user_id); !forgotten) return forgotten.error();
  if (auto forgotten = forget_grants(db, user_id); !forgotten) return forgotten.error();
  auto removed = db.run("DELETE FROM users WHERE id = ?", user_id);
  if (!removed) return removed.error();
  if (*removed == 0 && !*affairs) return fail(Errc::user_unknown);
  auto noted = audit(db, {{.at = at, .kind = "user_deleted", .user_id = user_id, .detail = actor}});
  if (!noted) return noted.error();
  return ended;
}

}  // namespace gatecast::sqlite
