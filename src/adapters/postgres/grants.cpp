// Grants: each change in one transaction with the version of its user's grants and an audit row. Whoever changes a
// user's grants has the row of grant_holders locked, so versions rise by one whichever node counts them.
#include <algorithm>
#include <map>

#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/sql_affairs.hpp"
#include "adapters/postgres/sql_end.hpp"
#include "store/grant_rules.hpp"

namespace gatecast::postgres {

using store::GrantChange;
using store::GrantHolder;
using store::GrantRow;

namespace {

// A grant that another node has in hand is looked for again after this.
constexpr std::chrono::milliseconds kPassedOver{100};

constexpr Statement kLockUser{"grants.lock_user", "SELECT 1 FROM gatecast.users WHERE id = $1 FOR KEY SHARE"};
constexpr Statement kMakeHolder{
    "grants.make_holder",
    "INSERT INTO gatecast.grant_holders (user_id, version, standing) SELECT $1, 0, 0"
    " WHERE $2 OR EXISTS (SELECT 1 FROM gatecast.users WHERE id = $1) ON CONFLICT DO NOTHING"};
constexpr Statement kLockHolder{"grants.lock_holder",
                                "SELECT version, standing FROM gatecast.grant_holders WHERE user_id = $1 FOR UPDATE"};
constexpr Statement kWriteHolder{"grants.write_holder",
                                 "UPDATE gatecast.grant_holders SET version = $2, standing = $3 WHERE user_id = $1"};
constexpr Statement kFind{"grants.find", "SELECT " GATECAST_GRANT_COLUMNS
                                         " FROM gatecast.grants g"
                                         " WHERE g.user_id = $1 AND g.resource = $2 AND g.key = $3"};
constexpr Statement kWrite{
    "grants.write",
    "INSERT INTO gatecast.grants (id, user_id, resource, key, state, from_at, until_at, meta, created_at, change_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (user_id, resource, key) DO UPDATE SET"
    " state = excluded.state, from_at = excluded.from_at, until_at = excluded.until_at, meta = excluded.meta,"
    " change_at = excluded.change_at"};
constexpr Statement kMove{"grants.move", "UPDATE gatecast.grants SET state = $2, change_at = $3 WHERE id = $1"};
constexpr Statement kRemove{"grants.remove",
                            "DELETE FROM gatecast.grants g WHERE g.user_id = $1 AND ($2 = '' OR g.id = $2)"
                            " AND ($3 = '' OR g.resource = $3) AND ($4 IS NULL OR g.key = $4)"
                            " RETURNING " GATECAST_GRANT_COLUMNS};
// One statement, so that versions and rows are of one moment.
constexpr Statement kOf{"grants.of", "SELECT u.n, h.version, " GATECAST_GRANT_COLUMNS
                                     " FROM unnest($1) WITH ORDINALITY AS u (id, n)"
                                     " JOIN gatecast.grant_holders h ON h.user_id = u.id"
                                     " LEFT JOIN gatecast.grants g ON g.user_id = h.user_id AND g.state < 2"
                                     " ORDER BY u.n, g.resource, g.key"};
constexpr Statement kDueUsers{
    "grants.due_users",
    "SELECT DISTINCT d.user_id FROM (SELECT user_id FROM gatecast.grants WHERE change_at <= " GATECAST_PG_NOW(
        "$1") " ORDER BY change_at LIMIT $2) d ORDER BY d.user_id"};
constexpr Statement kNext{"grants.next", "SELECT min(change_at), " GATECAST_PG_NOW("$1") " FROM gatecast.grants"};
constexpr Statement kLockFree{"grants.lock_free",
                              "SELECT user_id, version, standing FROM gatecast.grant_holders WHERE user_id = ANY ($1)"
                              " ORDER BY user_id FOR UPDATE SKIP LOCKED"};
constexpr Statement kDue{"grants.due", "SELECT " GATECAST_GRANT_COLUMNS
                                       " FROM gatecast.grants g WHERE g.user_id = ANY ($1) AND g.change_at <= $2"
                                       " ORDER BY g.change_at, g.id LIMIT $3"};
constexpr Statement kForget{"grants.forget", "DELETE FROM gatecast.grants WHERE user_id = $1"};
constexpr Statement kForgetHolder{"grants.forget_holder", "DELETE FROM gatecast.grant_holders WHERE user_id = $1"};

GrantHolder holder_from(const Row& row, int at) { return {.version = row.count(at), .standing = row.number(at + 1)}; }

Task<Result<store::GrantAdded>> add_in(Transaction& transaction, const store::GrantAdd& request) {
  Batch first_step;
  first_step.add(kLockUser, request.user_id).add(kMakeHolder, request.user_id, request.foreign);
  first_step.add(kLockHolder, request.user_id).add(kFind, request.user_id, request.resource, request.key);
  auto answers = co_await transaction.run(std::move(first_step));
  if (!answers) co_return answers.error();
  if ((*answers)[2].empty()) co_return fail(Errc::user_unknown);
  GrantHolder holder = holder_from((*answers)[2].front(), 0);
  const auto before = first((*answers)[3], [](const Row& row) { return grant_from(row, 0); });
  const WallTime now = transaction.now();
  auto added = add_to(holder, request, before, now);
  if (!added || !added->changed) co_return added;
  const GrantRow& grant = added->change.grant;
  Batch last;
  last.add(kWriteHolder, grant.user_id, holder.version, holder.standing);
  last.add(kWrite, grant.id, grant.user_id, grant.resource, grant.key, static_cast<int>(grant.state), grant.from,
           grant.until, grant.meta, now, grant_change_at(grant));
  put_audit(last, grant_noted(added->change, now, request.actor, request.ip));
  auto done = co_await transaction.commit(std::move(last));
  if (!done) co_return done.error();
  co_return added;
}

struct Gone {
  store::GrantsRemoved result{};
  std::vector<GrantChange> changes{};
};

Task<Result<Gone>> remove_in(Transaction& transaction, const store::GrantRemove& request) {
  Batch first_step;
  first_step.add(kLockUser, request.user_id).add(kLockHolder, request.user_id);
  first_step.add(kRemove, request.user_id, request.id, request.resource, request.key);
  auto answers = co_await transaction.run(std::move(first_step));
  if (!answers) co_return answers.error();
  const bool held_any = !(*answers)[1].empty();
  if (!held_any && !request.foreign && (*answers)[0].empty()) co_return fail(Errc::user_unknown);
  GrantHolder holder = held_any ? holder_from((*answers)[1].front(), 0) : GrantHolder{};
  auto found = collect((*answers)[2], [](const Row& row) { return grant_from(row, 0); });
  std::ranges::sort(found, {}, [](const GrantRow& grant) { return std::tie(grant.resource, grant.key); });
  Gone gone{.result = {.removed = found.size(), .version = holder.version}};
  Batch last;
  for (GrantRow& grant : found) {
    const GrantChange& change = gone.changes.emplace_back(remove_from(holder, std::move(grant)));
    put_audit(last, grant_removal_noted(change, transaction.now(), request.actor, request.ip));
  }
  if (gone.changes.empty()) co_return gone;
  last.add(kWriteHolder, request.user_id, holder.version, holder.standing);
  auto done = co_await transaction.commit(std::move(last));
  if (!done) co_return done.error();
  gone.result.version = holder.version;
  co_return gone;
}

struct Swept {
  store::GrantsSwept result{};
  std::vector<GrantChange> changes{};
};

/// Moves what is due of those of the users whom nobody else has in hand: another node does the same work beside.
Task<Result<Swept>> sweep_in(Transaction& transaction, const std::vector<std::string>& users, std::uint32_t limit) {
  auto locked = co_await transaction.query(kLockFree, users);
  if (!locked) co_return locked.error();
  std::map<std::string, GrantHolder> holders;
  std::vector<std::string> free;
  for (int i = 0; i < locked->size(); ++i) {
    free.push_back((*locked)[i].text(0));
    holders.emplace(free.back(), holder_from((*locked)[i], 1));
  }
  const WallTime now = transaction.now();
  auto due = co_await transaction.query(kDue, free, now, limit);
  if (!due) co_return due.error();
  Swept swept{.result = {.moved = static_cast<std::uint64_t>(due->size()), .now = now}};
  Batch last;
  for (GrantRow& grant : collect(*due, [](const Row& row) { return grant_from(row, 0); })) {
    GrantHolder& holder = holders[grant.user_id];
    const GrantChange& change = swept.changes.emplace_back(move_in(holder, std::move(grant), now));
    last.add(kMove, change.grant.id, static_cast<int>(change.grant.state), grant_change_at(change.grant));
    put_audit(last, grant_noted(change, now, {}, {}));
  }
  for (const auto& [user, holder] : holders) last.add(kWriteHolder, user, holder.version, holder.standing);
  const std::size_t next = last.put(kNext, std::optional(now));
  auto done = co_await transaction.commit(std::move(last));
  if (!done) co_return done.error();
  const Row row = (*done)[next].front();
  if (!row.is_null(0)) swept.result.next = row.time(0);
  if (swept.result.next && free.size() < users.size()) {
    swept.result.next = std::max(*swept.result.next, now + kPassedOver);
  }
  co_return swept;
}

}  // namespace

Task<Result<store::GrantAdded>> add_grant(Op op, const store::GrantAdd& request) {
  auto turn = co_await op.engine->turns().take(request.user_id, op.deadline);
  if (!turn) co_return turn.error();
  auto done = co_await in_transaction<store::GrantAdded>(
      op, [&request](Transaction& transaction) { return add_in(transaction, request); });
  if (done && done->changed && request.landed) request.landed({&done->change, 1});
  co_return done;
}

Task<Result<store::GrantsRemoved>> remove_grants(Op op, const store::GrantRemove& request) {
  auto turn = co_await op.engine->turns().take(request.user_id, op.deadline);
  if (!turn) co_return turn.error();
  auto gone = co_await in_transaction<Gone>(
      op, [&request](Transaction& transaction) { return remove_in(transaction, request); });
  if (!gone) co_return gone.error();
  if (!gone->changes.empty() && request.landed) request.landed(gone->changes);
  co_return gone->result;
}

Task<Result<std::vector<store::UserGrants>>> grants_of(Op op, const std::vector<std::string>& user_ids) {
  auto rows = co_await read(op, kOf, user_ids);
  if (!rows) co_return rows.error();
  std::vector<store::UserGrants> all(user_ids.size());
  for (int i = 0; i < rows->size(); ++i) {
    const Row row = (*rows)[i];
    store::UserGrants& user = all[static_cast<std::size_t>(row.number(0) - 1)];
    user.version = row.count(1);
    if (!row.is_null(2)) user.grants.push_back(grant_from(row, 2));
  }
  co_return all;
}

Task<Result<store::GrantsSwept>> sweep_grants(Op op, std::uint32_t limit, const store::GrantsLanded& landed) {
  Batch look;
  look.add(kDueUsers, op.engine->test_now(), limit).add(kNext, op.engine->test_now());
  auto seen = co_await run_reading(op, std::move(look));
  if (!seen) co_return seen.error();
  const auto users = collect((*seen)[0], text_from);
  if (users.empty()) {
    const Row row = (*seen)[1].front();
    store::GrantsSwept none{.now = row.time(1)};
    if (!row.is_null(0)) none.next = row.time(0);
    co_return none;
  }
  std::vector<Turns::Turn> turns;
  for (const std::string& user : users) {
    auto turn = co_await op.engine->turns().take(user, op.deadline);
    if (!turn) co_return turn.error();
    turns.push_back(std::move(*turn));
  }
  auto swept = co_await in_transaction<Swept>(
      op, [&users, limit](Transaction& transaction) { return sweep_in(transaction, users, limit); });
  if (!swept) co_return swept.error();
  if (!swept->changes.empty() && landed) landed(swept->changes);
  co_return swept->result;
}

void put_forget_grants(Batch& batch, const std::string& user_id) {
  batch.add(kForget, user_id).add(kForgetHolder, user_id);
}

}  // namespace gatecast::postgres
