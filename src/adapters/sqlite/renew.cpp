// Renewals, and endings of several sessions.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"

namespace gatecast::sqlite {
namespace {

using store::Renewal;
using store::Renewed;
using store::RotationDecision;
using store::RotationRow;
using store::SessionRow;

constexpr std::int64_t kSessionsListed = 1000;

struct Found {
  RotationRow row;
  std::string user_id;
  std::string renewed_ip;
};

/// The row as it stands, where the secret is its own. Hashes of random secrets are compared, so how long that takes
/// tells nothing.
Result<Found> find(Database& db, const Renewal& request) {
  Query query = db.select(
      "SELECT s.secret_hash IS NOT NULL AND s.secret_hash = CAST(? AS BLOB), s.gen, s.kept_gen, s.rotated_at,"
      " s.expires_at, s.absolute_expires_at, s.end_reason, u.blocked, s.user_id, s.renewed_ip"
      " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.sid = ?",
      request.secret_hash, request.sid);
  Result<bool> any = query.next();
  if (!any) return any.error();
  if (!*any) return fail(Errc::session_unknown);
  if (!query.flag(0)) return fail(Errc::refresh_invalid, "secret of another session");
  Found found{.row = {.gen = query.count(1),
                      .kept_gen = std::max(query.count(2), request.kept_gen),
                      .rotated_at = query.time(3),
                      .expires_at = query.time(4),
                      .absolute_expires_at = query.time(5),
                      .blocked = query.flag(7)},
              .user_id = query.text(8),
              .renewed_ip = query.text(9)};
  if (!query.is_null(6)) found.row.end_reason = reason_from(query.text(6));
  return found;
}

/// Writes what was decided about the row as `found` has it; false: the row is another one by now.
Result<bool> apply(Database& db, const Renewal& request, const Found& found, const RotationDecision& decision,
                   WallTime now) {
  using Kind = RotationDecision::Kind;
  const auto gen = static_cast<std::int64_t>(found.row.gen);
  const auto seen_kept = static_cast<std::int64_t>(found.row.kept_gen);
  const auto kept = static_cast<std::int64_t>(decision.kept_gen);
  Result<std::uint64_t> changed = 1;
  switch (decision.kind) {
    case Kind::refuse: return true;
    case Kind::end: {
      auto ended =
          end_session(db, request.sid, decision.reason, now, request.ip, "last renewed from " + found.renewed_ip);
      if (!ended) return ended.error();
      return ended->now;
    }
    case Kind::repeat:
      changed = db.run(
          "UPDATE sessions SET kept_gen = max(kept_gen, ?) WHERE sid = ? AND gen = ? AND kept_gen <= ?"
          " AND ended_at IS NULL",
          kept, request.sid, gen, seen_kept);
      break;
    case Kind::rotate:
      changed = db.run(
          "UPDATE sessions SET gen = ?, kept_gen = max(kept_gen, ?), rotated_at = ?, expires_at = ?, renewed_ip = ?"
          " WHERE sid = ? AND gen = ? AND kept_gen <= ? AND ended_at IS NULL",
          static_cast<std::int64_t>(decision.gen), kept, now, decision.expires_at, request.ip, request.sid, gen,
          seen_kept);
      break;
  }
  if (!changed) return changed.error();
  return *changed == 1;
}

Result<std::vector<std::string>> texts(Query query) {
  std::vector<std::string> out;
  for (;;) {
    Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) return out;
    out.push_back(query.text(0));
  }
}

Result<std::vector<SessionRow>> end_each(Database& db, const std::vector<std::string>& sids, Errc reason, WallTime at,
                                         const std::string& ip) {
  std::vector<SessionRow> out;
  for (const auto& sid : sids) {
    auto ended = end_session(db, sid, reason, at, ip);
    if (!ended) return ended.error();
    if (ended->now) out.push_back(std::move(ended->session));
  }
  return out;
}

}  // namespace

Result<Renewed> renew(Database& db, const Renewal& request, WallTime now) {
  for (;;) {
    auto found = find(db, request);
    if (!found) return found.error();
    const RotationDecision decision = request.decide(found->row, now);
    auto applied = apply(db, request, *found, decision, now);
    if (!applied) return applied.error();
    // Lost to another writer: that one has moved the row on, so this ends.
    if (!*applied) continue;
    if (!decision.audit.empty()) {
      auto noted = audit(db, {{.at = now,
                               .kind = std::string(decision.audit),
                               .user_id = found->user_id,
                               .sid = request.sid,
                               .ip = request.ip,
                               .detail = "last renewed from " + found->renewed_ip}});
      if (!noted) return noted.error();
    }
    auto view = session(db, request.sid);
    if (!view) return view.error();
    return Renewed{.decision = decision, .view = std::move(*view)};
  }
}

Result<void> keep(Database& db, const std::vector<std::pair<std::string, std::uint64_t>>& kept) {
  for (const auto& [sid, gen] : kept) {
    auto moved = db.run("UPDATE sessions SET kept_gen = ?1 WHERE sid = ?2 AND kept_gen < ?1",
                        static_cast<std::int64_t>(gen), sid);
    if (!moved) return moved.error();
  }
  return {};
}

Result<std::vector<SessionRow>> sessions_of(Database& db, const std::string& user_id, WallTime now) {
  Query query = db.select("SELECT " GATECAST_SESSION_COLUMNS
                          " FROM sessions s WHERE s.user_id = ? AND s.ended_at IS NULL AND s.expires_at > ?"
                          " ORDER BY s.created_at DESC, s.rowid DESC LIMIT ?",
                          user_id, now, kSessionsListed);
  std::vector<SessionRow> rows;
  for (;;) {
    Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) return rows;
    rows.push_back(session_from(query, 0));
  }
}

Result<std::vector<SessionRow>> end_sessions(Database& db, const std::string& user_id, const std::string& keep_sid,
                                             Errc reason, WallTime at, const std::string& ip) {
  auto raised = db.run("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = ?", user_id);
  if (!raised) return raised.error();
  // Those past their end too: a clock that is set back would let them live again.
  auto sids =
      texts(db.select("SELECT sid FROM sessions WHERE user_id = ? AND ended_at IS NULL AND sid <> ?"
                      " ORDER BY created_at, rowid",
                      user_id, keep_sid));
  if (!sids) return sids.error();
  return end_each(db, *sids, reason, at, ip);
}

Result<std::vector<SessionRow>> end_over_limit(Database& db, const std::string& user_id, std::uint32_t most,
                                               WallTime now, const std::string& ip) {
  auto sids =
      texts(db.select("SELECT sid FROM sessions WHERE user_id = ? AND ended_at IS NULL AND expires_at > ?"
                      " ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?",
                      user_id, now, static_cast<std::int64_t>(most)));
  if (!sids) return sids.error();
  return end_each(db, *sids, Errc::session_limit, now, ip);
}

}  // namespace gatecast::sqlite
