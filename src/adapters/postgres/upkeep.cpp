// What keeps the tables small, and what is noted about the data.
#include "adapters/postgres/operations.hpp"

namespace gatecast::postgres {
namespace {

// Rows of each table that one transaction of `prune` removes, sessions that one read of it looks at, and that one call
// looks at: others come in between.
constexpr std::int64_t kPruneRows = 1000;
constexpr std::int64_t kSweptAtOnce = 5'000;
constexpr std::int64_t kSweptRows = 20'000;

// Rows that another node is removing are passed over.
constexpr Statement kPruneNonces{
    "prune.nonces",
    "DELETE FROM gatecast.used_nonces WHERE nonce IN (SELECT nonce FROM gatecast.used_nonces WHERE expires < $1"
    " LIMIT $2 FOR UPDATE SKIP LOCKED)"};
constexpr Statement kPruneAudit{"prune.audit",
                                "DELETE FROM gatecast.audit WHERE seq IN (SELECT seq FROM gatecast.audit WHERE at < $1"
                                " AND seq < (SELECT max(seq) FROM gatecast.audit) LIMIT $2 FOR UPDATE SKIP LOCKED)"};
// The oldest endings with the sessions that they are of: the control log knows an ending as long as its session.
constexpr Statement kPruneEndings{
    "prune.endings",
    "WITH old AS (SELECT seq, subject FROM gatecast.control_log WHERE at < $1 ORDER BY at, seq LIMIT $2"
    " FOR UPDATE SKIP LOCKED),"
    " gone AS (DELETE FROM gatecast.sessions WHERE sid IN (SELECT subject FROM old) RETURNING 1),"
    " logged AS (DELETE FROM gatecast.control_log WHERE seq IN (SELECT seq FROM old) RETURNING 1)"
    " SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM logged)"};
constexpr Statement kPruneGrants{
    "prune.grants",
    "DELETE FROM gatecast.grants WHERE id IN (SELECT id FROM gatecast.grants WHERE state = 2 AND until_at < $1"
    " ORDER BY until_at LIMIT $2 FOR UPDATE SKIP LOCKED)"};
constexpr Statement kExpired{
    "prune.expired",
    "WITH looked AS (SELECT made, sid, ended_at IS NULL AND expires_at < $2 AS over FROM gatecast.sessions"
    " WHERE made > $1 ORDER BY made LIMIT $3)"
    " SELECT coalesce(max(made), 0), count(*),"
    " count(*) FILTER (WHERE over) FROM looked"};
constexpr Statement kPruneExpired{
    "prune.sessions",
    "DELETE FROM gatecast.sessions WHERE sid IN (SELECT sid FROM gatecast.sessions WHERE made > $1 AND made <= $2"
    " AND ended_at IS NULL AND expires_at < $3 FOR UPDATE SKIP LOCKED) AND ended_at IS NULL AND expires_at < $3"};

constexpr Statement kPosition{"positions.read", "SELECT seq FROM gatecast.positions WHERE name = $1"};
constexpr Statement kSetPosition{"positions.write",
                                 "INSERT INTO gatecast.positions (name, seq) VALUES ($1, $2)"
                                 " ON CONFLICT (name) DO UPDATE SET seq = excluded.seq"};
constexpr Statement kLease{
    "leases.take",
    "INSERT INTO gatecast.leases AS l (name, holder, until) SELECT $1, $2, n.now + $3 FROM (SELECT " GATECAST_PG_NOW(
        "$4") " AS now) n ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until"
              " WHERE l.holder = excluded.holder OR l.until <= excluded.until - $3"};
constexpr Statement kRestored{"restores.read", "SELECT max(at) FROM gatecast.restores"};
constexpr Statement kPing{"ping", "SELECT pg_is_in_recovery() FROM gatecast.schema_version"};

// A promoted standby has another timeline; the first eight digits of a log file's name are its number. A copy put in
// place is told by its row of restores, and another database by the origin.
constexpr Statement kHistory{"history",
                             "SELECT v.origin, (SELECT coalesce(max(at), 0) FROM gatecast.restores),"
                             " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM gatecast.schema_version v"};

/// One transaction's part of what is past: gives how many rows went.
Task<Result<std::uint64_t>> prune_once(Transaction& tx, WallTime now, WallTime audit_before, WallTime ended_before) {
  Batch batch;
  batch.add(kPruneNonces, now, kPruneRows);
  batch.add(kPruneAudit, audit_before, kPruneRows);
  batch.add(kPruneGrants, audit_before, kPruneRows);
  batch.add(kPruneEndings, ended_before, kPruneRows);
  auto rows = co_await tx.commit(std::move(batch));
  if (!rows) co_return rows.error();
  co_return (*rows)[0].affected() + (*rows)[1].affected() + (*rows)[2].affected() + (*rows)[3].front().count(0);
}

}  // namespace

Task<Result<std::uint64_t>> prune(Op op, WallTime now, WallTime audit_before, WallTime ended_before,
                                  std::atomic<std::int64_t>& swept_to) {
  std::uint64_t gone = 0;
  for (;;) {
    auto some = co_await in_transaction<std::uint64_t>(
        op.renewed(), [=](Transaction& tx) { return prune_once(tx, now, audit_before, ended_before); });
    if (!some) co_return some;
    gone += *some;
    if (*some == 0 || op.engine->stopping()) break;
  }
  // No index is kept by the end of sessions, which every renewal moves: the table is looked through, a part a call.
  for (std::int64_t looked = 0; looked < kSweptRows; looked += kSweptAtOnce) {
    const std::int64_t from = swept_to;
    auto part = co_await read(op.renewed(), kExpired, from, ended_before, kSweptAtOnce);
    if (!part) co_return part.error();
    const Row row = part->front();
    if (row.count(2) > 0) {
      auto some = co_await write(op.renewed(), kPruneExpired, from, row.number(0), ended_before);
      if (!some) co_return some.error();
      gone += some->affected();
    }
    const bool end = row.number(1) < kSweptAtOnce;
    swept_to = end ? 0 : row.number(0);
    if (end) break;
  }
  co_return gone;
}

Task<Result<std::uint64_t>> position(Op op, const std::string& name) {
  auto rows = co_await read(op, kPosition, name);
  if (!rows) co_return rows.error();
  co_return rows->empty() ? 0 : rows->front().count(0);
}

Task<Result<void>> set_position(Op op, const std::string& name, std::uint64_t seq) {
  auto written = co_await write(op, kSetPosition, name, seq);
  if (!written) co_return written.error();
  co_return Result<void>{};
}

Task<Result<bool>> lease(Op op, const std::string& name, const std::string& holder, std::chrono::milliseconds ttl) {
  auto taken = co_await write(op, kLease, name, holder, ttl.count(), op.engine->test_now());
  if (!taken) co_return taken.error();
  co_return taken->affected() == 1;
}

Task<Result<std::string>> history(Op op) {
  op.first = true;
  auto rows = co_await read(op, kHistory);
  if (!rows) co_return rows.error();
  if (rows->empty()) co_return fail(Errc::store_failed, "gatecast.schema_version has lost its row");
  const Row row = rows->front();
  co_return fmt::format("{}-{}-{}", row.text(0), row.text(2), row.text(1));
}

Task<Result<std::optional<WallTime>>> restored_at(Op op) {
  auto rows = co_await read(op, kRestored);
  if (!rows) co_return rows.error();
  if (rows->empty() || rows->front().is_null(0)) co_return std::optional<WallTime>{};
  co_return std::optional(rows->front().time(0));
}

Task<Result<void>> ping(Op op) {
  auto rows = co_await read(op, kPing);
  if (!rows) co_return rows.error();
  if (rows->empty()) co_return fail(Errc::store_failed, "gatecast.schema_version has lost its row");
  if (rows->front().flag(0)) co_return fail(Errc::store_failed, "the server takes no writes");
  co_return Result<void>{};
}

}  // namespace gatecast::postgres
