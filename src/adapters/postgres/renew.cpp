// Renewals: the row is read without a lock, judged, and moved on by one conditional statement, which finds nothing
// where the row has changed meanwhile. Two round trips, and nothing is held between them.
//
// An ending writes the session's row, so a rotation is either before it, or finds it ended.
#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/sql_end.hpp"

namespace gatecast::postgres {
namespace {

using store::Renewal;
using store::Renewed;
using store::RotationDecision;
using store::RotationRow;

// Renewals that lost against this many others of the same session in a row are somebody's trial.
constexpr int kAttempts = 16;

// Hashes of random secrets are compared, so how long that takes tells nothing.
constexpr Statement kFind{
    "renew.find",
    "SELECT " GATECAST_VIEW_COLUMNS
    ", s.secret_hash IS NOT NULL AND s.secret_hash = $2, s.kept_gen, s.rotated_at, s.renewed_ip, " GATECAST_PG_NOW(
        "$3") " FROM" GATECAST_PG_VIEW_TABLES " WHERE s.sid = $1"};
// $1 sid, $2 gen as read, $3 kept_gen as read, $4 the new kept_gen; the answer is whether the row was still so.
#define GATECAST_PG_AS_READ " WHERE sid = $1 AND gen = $2 AND kept_gen <= $3 AND ended_at IS NULL RETURNING user_id"
#define GATECAST_PG_KEEP "UPDATE gatecast.sessions SET kept_gen = greatest(kept_gen, $4)" GATECAST_PG_AS_READ
#define GATECAST_PG_ROTATE                                                                                      \
  "UPDATE gatecast.sessions SET kept_gen = greatest(kept_gen, $4), gen = $5, expires_at = $6, rotated_at = $7," \
  " renewed_ip = $8" GATECAST_PG_AS_READ
#define GATECAST_PG_NOTED(update, at, kind, ip, detail)                            \
  "WITH moved AS (" update                                                         \
  ") INSERT INTO gatecast.audit (at, kind, user_id, sid, ip, code, detail, count)" \
  " SELECT " at ", " kind ", user_id, $1, " ip ", '', " detail ", 1 FROM moved"

constexpr Statement kRepeat{"renew.repeat", GATECAST_PG_KEEP};
constexpr Statement kRepeatNoted{"renew.repeat_noted", GATECAST_PG_NOTED(GATECAST_PG_KEEP, "$5", "$6", "$7", "$8")};
constexpr Statement kRotate{"renew.rotate", GATECAST_PG_ROTATE};
constexpr Statement kRotateNoted{"renew.rotate_noted", GATECAST_PG_NOTED(GATECAST_PG_ROTATE, "$7", "$9", "$8", "$10")};
constexpr Statement kEnd{"renew.end", GATECAST_PG_END("SELECT sid FROM gatecast.sessions WHERE sid = $6 AND gen = $7")};
// In the same transaction: the control log's lock is held for no further round trip.
constexpr Statement kNoteEnd{"renew.note_end",
                             "INSERT INTO gatecast.audit (at, kind, user_id, sid, ip, code, detail, count)"
                             " SELECT $1, $2, user_id, sid, $4, '', $5, 1 FROM gatecast.sessions"
                             " WHERE sid = $3 AND gen = $6 AND ended_at = $1"};

struct Found {
  RotationRow row;
  store::SessionView view;
  std::uint64_t stored_kept_gen = 0;
  std::string renewed_ip;
  WallTime now{};
};

Task<Result<Found>> find(Op op, const Renewal& request) {
  auto rows = co_await read(op, kFind, request.sid, Bytes{request.secret_hash}, op.engine->test_now());
  if (!rows) co_return rows.error();
  if (rows->empty()) co_return fail(Errc::session_unknown);
  const Row row = rows->front();
  constexpr int kOwn = kViewColumnCount;
  if (!row.flag(kOwn)) co_return fail(Errc::refresh_invalid, "secret of another session");
  Found found{.row = {}, .view = view_from(row)};
  found.stored_kept_gen = row.count(kOwn + 1);
  found.renewed_ip = row.text(kOwn + 3);
  found.now = row.time(kOwn + 4);
  const store::SessionRow& session = found.view.session;
  found.row = {.gen = session.gen,
               .kept_gen = std::max(found.stored_kept_gen, request.kept_gen),
               .rotated_at = row.time(kOwn + 2),
               .expires_at = session.expires_at,
               .absolute_expires_at = session.absolute_expires_at,
               .end_reason = session.end_reason,
               .blocked = found.view.user.blocked};
  co_return found;
}

store::AuditRow noted_row(const Renewal& request, const Found& found, const RotationDecision& decision) {
  return {.at = found.now,
          .kind = std::string(decision.audit),
          .user_id = found.view.user.id,
          .sid = request.sid,
          .ip = request.ip,
          .detail = "last renewed from " + found.renewed_ip};
}

/// Gives the session as it ended; none: it is another one by now.
Task<Result<std::vector<store::SessionRow>>> end_once(Transaction& tx, const Renewal& request, const Found& found,
                                                      const RotationDecision& decision) {
  const std::string detail = "last renewed from " + found.renewed_ip;
  Batch batch;
  put_end(batch, kEnd, decision.reason, found.now, request.ip, detail, request.sid, found.row.gen);
  if (!decision.audit.empty()) {
    const store::AuditRow row = noted_row(request, found, decision);
    batch.add(kNoteEnd, row.at, row.kind, row.sid, row.ip, row.detail, found.row.gen);
  }
  auto rows = co_await tx.commit(std::move(batch));
  if (!rows) co_return rows.error();
  co_return ended_from(rows->front());
}

Task<Result<bool>> end(Op op, const Renewal& request, Found& found, const RotationDecision& decision) {
  auto ended = co_await in_transaction<std::vector<store::SessionRow>>(
      op, [&](Transaction& tx) { return end_once(tx, request, found, decision); });
  if (!ended) co_return ended.error();
  if (ended->empty()) co_return false;
  found.view.session = std::move(ended->front());
  co_return true;
}

/// Writes what was decided about the row as `found` has it, and to the view; false: the row is another one by now.
Task<Result<bool>> apply(Op op, const Renewal& request, Found& found, const RotationDecision& decision) {
  using Kind = RotationDecision::Kind;
  const std::string kind(decision.audit);
  const std::string detail = "last renewed from " + found.renewed_ip;
  const RotationRow& row = found.row;
  Result<Rows> changed = fail(Errc::internal);
  switch (decision.kind) {
    case Kind::refuse: co_return true;
    case Kind::end: co_return co_await end(op, request, found, decision);
    case Kind::repeat:
      if (!kind.empty()) {
        changed = co_await write(op, kRepeatNoted, request.sid, row.gen, row.kept_gen, decision.kept_gen, found.now,
                                 kind, request.ip, detail);
      } else if (decision.kept_gen > found.stored_kept_gen) {
        changed = co_await write(op, kRepeat, request.sid, row.gen, row.kept_gen, decision.kept_gen);
      } else {
        co_return true;
      }
      break;
    case Kind::rotate:
      if (!kind.empty()) {
        changed = co_await write(op, kRotateNoted, request.sid, row.gen, row.kept_gen, decision.kept_gen, decision.gen,
                                 decision.expires_at, found.now, request.ip, kind, detail);
      } else {
        changed = co_await write(op, kRotate, request.sid, row.gen, row.kept_gen, decision.kept_gen, decision.gen,
                                 decision.expires_at, found.now, request.ip);
      }
      found.view.session.gen = decision.gen;
      found.view.session.expires_at = decision.expires_at;
      break;
  }
  if (!changed) co_return changed.error();
  co_return changed->affected() == 1;
}

}  // namespace

Task<Result<Renewed>> renew(Op op, const Renewal& request) {
  for (int attempt = 1;; ++attempt) {
    auto found = co_await find(op, request);
    if (!found) co_return found.error();
    const RotationDecision decision = request.decide(found->row, found->now);
    auto applied = co_await apply(op, request, *found, decision);
    if (!applied) co_return applied.error();
    if (*applied) {
      if (decision.kind == RotationDecision::Kind::refuse && !decision.audit.empty()) {
        const std::vector<store::AuditRow> rows{noted_row(request, *found, decision)};
        auto noted = co_await audit(op, rows);
        if (!noted) co_return noted.error();
      }
      co_return Renewed{.decision = decision, .view = std::move(found->view)};
    }
    // Lost to another: the row has moved on.
    if (attempt >= kAttempts || op.is_late()) co_return fail(Errc::store_failed, "renew: others were faster each time");
    ++op.engine->figures().retries;
  }
}

Task<Result<void>> keep(Op op, const std::vector<std::pair<std::string, std::uint64_t>>& kept) {
  static constexpr Statement kKeep{
      "sessions.keep",
      "WITH kept AS (SELECT sid, max(gen) AS gen FROM unnest($1, $2) AS k(sid, gen) GROUP BY sid),"
      " locked AS (SELECT s.sid, k.gen FROM gatecast.sessions s JOIN kept k ON k.sid = s.sid"
      " WHERE s.kept_gen < k.gen ORDER BY s.sid FOR NO KEY UPDATE OF s)"
      " UPDATE gatecast.sessions s SET kept_gen = l.gen FROM locked l WHERE s.sid = l.sid AND s.kept_gen < l.gen"};
  if (kept.empty()) co_return Result<void>{};
  std::vector<std::string> sids;
  std::vector<std::int64_t> gens;
  for (const auto& [sid, gen] : kept) {
    sids.push_back(sid);
    gens.push_back(static_cast<std::int64_t>(gen));
  }
  Batch batch;
  batch.add(kKeep, sids, gens);
  auto moved = co_await in_transaction<std::vector<Rows>>(op, [&batch](Transaction& tx) { return tx.commit(batch); });
  if (!moved) co_return moved.error();
  co_return Result<void>{};
}

}  // namespace gatecast::postgres
