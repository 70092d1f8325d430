// Sessions and their endings.
#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/sql_end.hpp"

namespace gatecast::postgres {
namespace {

using store::ControlRow;
using store::Ended;
using store::SessionRow;

constexpr std::int64_t kSessionsListed = 1000;

constexpr Statement kView{"sessions.view",
                          "SELECT " GATECAST_VIEW_COLUMNS " FROM" GATECAST_PG_VIEW_TABLES " WHERE s.sid = $1"};
constexpr Statement kStanding{"sessions.standing",
                              "SELECT " GATECAST_SESSION_COLUMNS
                              " FROM gatecast.sessions s WHERE s.user_id = $1 AND s.ended_at IS NULL"
                              " AND s.expires_at > $2 ORDER BY s.created_at DESC, s.made DESC LIMIT $3"};
constexpr Statement kEndOne{"sessions.end", GATECAST_PG_END("SELECT $6::text")};
constexpr Statement kFind{"sessions.find", "SELECT " GATECAST_SESSION_COLUMNS
                                           ", (SELECT max(c.seq) FROM gatecast.control_log c WHERE c.subject = s.sid)"
                                           " FROM gatecast.sessions s WHERE s.sid = $1"};
constexpr Statement kEndForeign{"sessions.end_foreign",
                                "INSERT INTO gatecast.control_log (kind, subject, user_id, reason, at)"
                                " VALUES ('foreign_ended', $1, $2, $3, $4)"};
// Rows are locked in the order of sids, as endings do.
constexpr Statement kTouch{
    "sessions.touch",
    "WITH seen AS (SELECT sid, max(at) AS at FROM unnest($1, $2) AS v(sid, at) GROUP BY sid),"
    " locked AS (SELECT s.sid, v.at FROM gatecast.sessions s JOIN seen v ON v.sid = s.sid"
    " WHERE s.last_seen_at < v.at ORDER BY s.sid FOR NO KEY UPDATE OF s)"
    " UPDATE gatecast.sessions s SET last_seen_at = l.at FROM locked l WHERE s.sid = l.sid AND s.last_seen_at < l.at"};
constexpr Statement kControl{"control_log.after", "SELECT " GATECAST_CONTROL_COLUMNS
                                                  " FROM gatecast.control_log WHERE seq > $1 ORDER BY seq LIMIT $2"};
constexpr Statement kControlSince{
    "control_log.since", "SELECT " GATECAST_CONTROL_COLUMNS " FROM gatecast.control_log WHERE at >= $1 ORDER BY seq"};

std::vector<ControlRow> control_rows(const Rows& rows) {
  return collect(rows, [](const Row& row) { return control_from(row); });
}

Task<Result<std::vector<SessionRow>>> end_sessions_once(Transaction& tx, const std::string& user_id,
                                                        const std::string& keep_sid, Errc reason, WallTime at,
                                                        const std::string& ip) {
  Batch batch;
  batch.add(kRaiseEpoch, user_id);
  // Those past their end too: a clock that is set back would let them live again.
  put_end(batch, kEndOfUser, reason, at, ip, "", user_id, keep_sid);
  auto rows = co_await tx.commit(std::move(batch));
  if (!rows) co_return rows.error();
  co_return ended_from(rows->back());
}

Task<Result<Ended>> end_session_once(Transaction& tx, const std::string& sid, Errc reason, WallTime at,
                                     const std::string& ip) {
  Batch batch;
  put_end(batch, kEndOne, reason, at, ip, "", sid);
  batch.add(kFind, sid);
  auto rows = co_await tx.commit(std::move(batch));
  if (!rows) co_return rows.error();
  const Rows& found = rows->back();
  if (found.empty()) co_return fail(Errc::session_unknown);
  co_return Ended{.session = session_from(found.front(), 0),
                  .now = !rows->front().empty(),
                  .control_seq = found.front().count(kSessionColumnCount)};
}

}  // namespace

Task<Result<store::SessionView>> session(Op op, const std::string& sid) {
  auto rows = co_await read(op, kView, sid);
  if (!rows) co_return rows.error();
  if (rows->empty()) co_return fail(Errc::session_unknown);
  co_return view_from(rows->front());
}

Task<Result<std::vector<SessionRow>>> sessions_of(Op op, const std::string& user_id, WallTime now) {
  auto rows = co_await read(op, kStanding, user_id, now, kSessionsListed);
  if (!rows) co_return rows.error();
  co_return ended_from(*rows);
}

Task<Result<std::vector<SessionRow>>> end_sessions(Op op, const std::string& user_id, const std::string& keep_sid,
                                                   Errc reason, WallTime at, const std::string& ip) {
  co_return co_await in_transaction<std::vector<SessionRow>>(
      op, [&](Transaction& tx) { return end_sessions_once(tx, user_id, keep_sid, reason, at, ip); });
}

Task<Result<Ended>> end_session(Op op, const std::string& sid, Errc reason, WallTime at, const std::string& ip) {
  co_return co_await in_transaction<Ended>(op,
                                           [&](Transaction& tx) { return end_session_once(tx, sid, reason, at, ip); });
}

Task<Result<void>> end_foreign(Op op, const std::string& sid, const std::string& user_id, Errc reason, WallTime at) {
  auto logged = co_await write(op, kEndForeign, sid, user_id, std::string_view(info(reason).name), at);
  if (!logged) co_return logged.error();
  co_return Result<void>{};
}

Task<Result<void>> touch(Op op, const std::vector<std::pair<std::string, WallTime>>& seen) {
  if (seen.empty()) co_return Result<void>{};
  std::vector<std::string> sids;
  std::vector<WallTime> times;
  for (const auto& [sid, at] : seen) {
    sids.push_back(sid);
    times.push_back(at);
  }
  Batch batch;
  batch.add(kTouch, sids, times);
  auto moved = co_await in_transaction<std::vector<Rows>>(op, [&batch](Transaction& tx) { return tx.commit(batch); });
  if (!moved) co_return moved.error();
  co_return Result<void>{};
}

Task<Result<std::vector<ControlRow>>> control_log(Op op, std::uint64_t after, std::uint32_t limit) {
  op.first = true;
  auto rows = co_await read(op, kControl, std::min<std::uint64_t>(after, INT64_MAX), limit);
  if (!rows) co_return rows.error();
  co_return control_rows(*rows);
}

Task<Result<std::vector<ControlRow>>> ended_since(Op op, WallTime since) {
  auto rows = co_await read(op, kControlSince, since);
  if (!rows) co_return rows.error();
  co_return control_rows(*rows);
}

}  // namespace gatecast::postgres
