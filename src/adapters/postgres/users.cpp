// Users: read, blocked, deleted. What an application says of them is upsert.cpp's.
#include <algorithm>

#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/sql_affairs.hpp"
#include "adapters/postgres/sql_end.hpp"

namespace gatecast::postgres {

using store::SessionRow;
using store::UserView;

namespace {

constexpr std::uint32_t kUsersRead = 1000;

#define GATECAST_PG_USER_VIEW "SELECT " GATECAST_USER_COLUMNS ", " GATECAST_IDENTITY_COLUMNS
constexpr Statement kUser{"users.get", GATECAST_PG_USER_VIEW
                          " FROM gatecast.users u LEFT JOIN gatecast.identities i ON i.user_id = u.id WHERE u.id = $1"
                          " ORDER BY i.created_at, i.id"};
constexpr Statement kUserOf{
    "users.of", GATECAST_PG_USER_VIEW
    " FROM gatecast.identities known JOIN gatecast.users u ON u.id = known.user_id"
    " JOIN gatecast.identities i ON i.user_id = u.id WHERE known.kind = $1 AND known.subject = $2"
    " ORDER BY i.created_at, i.id"};
constexpr Statement kUsers{"users.list", GATECAST_PG_USER_VIEW
                           " FROM (SELECT * FROM gatecast.users WHERE id > $1 ORDER BY id LIMIT $2) u"
                           " LEFT JOIN gatecast.identities i ON i.user_id = u.id ORDER BY u.id, i.created_at, i.id"};

constexpr Statement kLock{"users.lock",
                          "SELECT " GATECAST_USER_COLUMNS " FROM gatecast.users u WHERE u.id = $1 FOR UPDATE"};
// The epoch rises with a block, which waits for the sign-ins under way.
constexpr Statement kBlock{"users.block",
                           "UPDATE gatecast.users SET blocked = $2, session_epoch = session_epoch + $3 WHERE id = $1"};

// A trusted issuer's user may have grants or notifications without a row of its own.
constexpr Statement kIsKnown{"users.is_known",
                             "SELECT EXISTS (SELECT 1 FROM gatecast.users WHERE id = $1)"
                             " OR EXISTS (SELECT 1 FROM gatecast.grant_holders WHERE user_id = $1)"
                             " OR EXISTS (SELECT 1 FROM gatecast.inboxes WHERE user_id = $1)"};
constexpr Statement kForgetAudit{"users.forget_audit",
                                 "UPDATE gatecast.audit SET ip = '', detail = '' WHERE seq IN"
                                 " (SELECT seq FROM gatecast.audit WHERE user_id = $1 AND user_id <> ''"
                                 " AND (ip <> '' OR detail <> '') LIMIT $2)"};
// Audit rows that one statement changes; a longer history is gone through beforehand, a transaction each.
constexpr std::int64_t kForgottenAtOnce = 5'000;
constexpr std::int64_t kEvery = std::numeric_limits<std::int64_t>::max();
constexpr Statement kForgetSessions{"users.forget_sessions", "DELETE FROM gatecast.sessions WHERE user_id = $1"};
constexpr Statement kForgetIdentities{"users.forget_identities", "DELETE FROM gatecast.identities WHERE user_id = $1"};
constexpr Statement kForgetReferrals{"users.forget_referrals",
                                     "UPDATE gatecast.users SET referrer = NULL WHERE referrer = $1"};
constexpr Statement kForget{"users.forget", "DELETE FROM gatecast.users WHERE id = $1"};

/// Rows of a user beside one identity each, or none, in the order of users.
std::vector<UserView> views(const Rows& rows) {
  std::vector<UserView> users;
  for (int i = 0; i < rows.size(); ++i) {
    const Row row = rows[i];
    if (users.empty() || users.back().user.id != row.text(0)) {
      users.push_back({.user = user_from(row, 0), .identities = {}});
    }
    if (!row.is_null(kUserColumnCount)) users.back().identities.push_back(identity_from(row, kUserColumnCount));
  }
  return users;
}

Result<UserView> only(const Result<Rows>& rows) {
  if (!rows) return rows.error();
  auto users = views(*rows);
  if (users.empty()) return fail(Errc::user_unknown);
  return std::move(users.front());
}

struct BlockRequest {
  const std::string& user_id;
  bool blocked;
  WallTime at;
  const std::string& ip;
  const std::string& actor;
};

Task<Result<store::Blocked>> block_in(Transaction& transaction, const BlockRequest& request) {
  auto found = co_await transaction.query(kLock, request.user_id);
  if (!found) co_return found.error();
  if (found->empty()) co_return fail(Errc::user_unknown);
  store::Blocked done{.user = user_from(found->front(), 0), .now = false, .ended = {}};
  if (done.user.blocked == request.blocked) co_return done;
  Batch last;
  last.add(kBlock, request.user_id, request.blocked, request.blocked ? 1 : 0);
  put_audit(last, {.at = request.at,
                   .kind = request.blocked ? "user_blocked" : "user_unblocked",
                   .user_id = request.user_id,
                   .ip = request.ip,
                   .detail = request.actor});
  if (request.blocked) {
    put_end(last, kEndOfUser, Errc::user_blocked, request.at, request.ip, {}, request.user_id, std::string_view{});
  }
  auto written = co_await transaction.commit(std::move(last));
  if (!written) co_return written.error();
  done.user.blocked = request.blocked;
  done.now = true;
  if (!request.blocked) co_return done;
  ++done.user.session_epoch;
  done.ended = ended_from(written->back());
  co_return done;
}

/// All of a known user's history but for its last part, which goes with the user.
Task<Result<void>> forget_history(Op op, const std::string& user_id) {
  auto known = co_await read(op, kIsKnown, user_id);
  if (!known) co_return known.error();
  if (!known->front().flag(0)) co_return fail(Errc::user_unknown);
  for (;;) {
    auto forgotten = co_await write(op.renewed(), kForgetAudit, user_id, kForgottenAtOnce);
    if (!forgotten) co_return forgotten.error();
    if (forgotten->affected() < static_cast<std::uint64_t>(kForgottenAtOnce)) co_return Result<void>{};
  }
}

struct DeleteRequest {
  const std::string& user_id;
  WallTime at;
  const std::string& actor;
};

Task<Result<std::vector<SessionRow>>> delete_in(Transaction& transaction, const DeleteRequest& request) {
  const std::string& user_id = request.user_id;
  Batch look;
  look.add(kLock, user_id).add(kIsKnown, user_id);
  auto seen = co_await transaction.run(std::move(look));
  if (!seen) co_return seen.error();
  if (!(*seen)[1].front().flag(0)) co_return fail(Errc::user_unknown);
  Batch last;
  put_forget_notifications(last, user_id);
  put_forget_grants(last, user_id);
  // Before the ending, whose lock is the last: another ending may wait for it and hold one of these rows.
  last.add(kForgetReferrals, user_id).add(kForgetAudit, user_id, kEvery);
  const std::size_t ends = last.size();
  put_end(last, kEndOfUser, Errc::ended_by_operator, request.at, {}, {}, user_id, std::string_view{});
  last.add(kForgetSessions, user_id).add(kForgetIdentities, user_id).add(kForget, user_id);
  put_audit(last, {.at = request.at, .kind = "user_deleted", .user_id = user_id, .detail = request.actor});
  auto done = co_await transaction.commit(std::move(last));
  if (!done) co_return done.error();
  co_return ended_from((*done)[ends]);
}

}  // namespace

Task<Result<UserView>> user(Op op, const std::string& user_id) {
  const auto rows = co_await read(op, kUser, user_id);
  co_return only(rows);
}

Task<Result<UserView>> user_of(Op op, const std::string& kind, const std::string& subject) {
  const auto rows = co_await read(op, kUserOf, kind, subject);
  co_return only(rows);
}

Task<Result<std::vector<UserView>>> users(Op op, const std::string& after, std::uint32_t limit) {
  const auto rows = co_await read(op, kUsers, after, std::min(limit, kUsersRead));
  if (!rows) co_return rows.error();
  co_return views(*rows);
}

Task<Result<store::Blocked>> block_user(Op op, const std::string& user_id, bool blocked, WallTime at,
                                        const std::string& ip, const std::string& actor) {
  const BlockRequest request{user_id, blocked, at, ip, actor};
  co_return co_await in_transaction<store::Blocked>(
      op, [&request](Transaction& transaction) { return block_in(transaction, request); });
}

Task<Result<std::vector<SessionRow>>> delete_user(Op op, const std::string& user_id, WallTime at,
                                                  const std::string& actor) {
  auto turn = co_await op.engine->turns().take(user_id, op.deadline);
  if (!turn) co_return turn.error();
  if (auto forgotten = co_await forget_history(op, user_id); !forgotten) co_return forgotten.error();
  const DeleteRequest request{user_id, at, actor};
  co_return co_await in_transaction<std::vector<SessionRow>>(
      op.renewed(), [&request](Transaction& transaction) { return delete_in(transaction, request); });
}

}  // namespace gatecast::postgres
