#include "adapters/sqlite/operations.hpp"

#include "adapters/sqlite/columns.hpp"

namespace gatecast::sqlite {
namespace {

using store::ControlRow;
using store::Ended;
using store::SessionRow;

/// The audit kind under which an ending is filed; its reason stands in `code`.
std::string_view audit_kind(Errc reason) {
  switch (reason) {
    case Errc::signed_out: return "signout";
    case Errc::ended_by_operator:
    case Errc::user_blocked: return "operator";
    default: return "ended";
  }
}

/// The session and the control row of its ending (0: none).
Result<Ended> find(Database& db, const std::string& sid) {
  Query query = db.select("SELECT " GATECAST_SESSION_COLUMNS
                          ", (SELECT max(c.seq) FROM control_log c WHERE c.subject = s.sid)"
                          " FROM sessions s WHERE s.sid = ?",
                          sid);
  Result<bool> row = query.next();
  if (!row) return row.error();
  if (!*row) return fail(Errc::session_unknown);
  return Ended{.session = session_from(query, 0), .now = false, .control_seq = query.count(kSessionColumnCount)};
}

Result<std::vector<ControlRow>> control_rows(Query query) {
  return collect(std::move(query), [](const Query& row) { return control_from(row); });
}

}  // namespace

Result<Ended> end_session(Database& db, const std::string& sid, Errc reason, WallTime at, const std::string& ip,
                          const std::string& detail) {
  Result<Ended> found = find(db, sid);
  if (!found || found->session.ended_at) return found;

  SessionRow& session = found->session;
  const std::string_view name = info(reason).name;
  auto updated = db.run("UPDATE sessions SET ended_at = ?, end_reason = ? WHERE sid = ?", at, name, sid);
  if (!updated) return updated.error();
  auto logged =
      db.run("INSERT INTO control_log (kind, subject, user_id, reason, at) VALUES ('session_ended', ?, ?, ?, ?)", sid,
             session.user_id, name, at);
  if (!logged) return logged.error();
  found->control_seq = db.last_row_id();
  auto audited = audit(db, {{.at = at,
                             .kind = std::string(audit_kind(reason)),
                             .user_id = session.user_id,
                             .sid = sid,
                             .ip = ip,
                             .code = std::string(name),
                             .detail = detail}});
  if (!audited) return audited.error();
  session.ended_at = at;
  session.end_reason = reason;
  found->now = true;
  return found;
}

Result<void> end_foreign(Database& db, const std::string& sid, const std::string& user_id, Errc reason, WallTime at) {
  auto logged =
      db.run("INSERT INTO control_log (kind, subject, user_id, reason, at) VALUES ('foreign_ended', ?, ?, ?, ?)", sid,
             user_id, info(reason).name, at);
  if (!logged) return logged.error();
  return {};
}

Result<void> touch(Database& db, const std::vector<std::pair<std::string, WallTime>>& seen) {
  for (const auto& [sid, at] : seen) {
    auto moved = db.run("UPDATE sessions SET last_seen_at = ?1 WHERE sid = ?2 AND last_seen_at < ?1", at, sid);
    if (!moved) return moved.error();
  }
  return {};
}

Result<store::SessionView> session(Database& db, const std::string& sid) {
  Query query = db.select("SELECT " GATECAST_VIEW_COLUMNS " FROM" GATECAST_VIEW_TABLES " WHERE s.sid = ?", sid);
  Result<bool> row = query.next();
  if (!row) return row.error();
  if (!*row) return fail(Errc::session_unknown);
  return view_from(query);
}

Result<std::vector<ControlRow>> control_log(Database& db, std::uint64_t after, std::uint32_t limit) {
  return control_rows(db.select("SELECT " GATECAST_CONTROL_COLUMNS
                                " FROM control_log WHERE seq > ? ORDER BY seq LIMIT ?",
                                static_cast<std::int64_t>(after), static_cast<std::int64_t>(limit)));
}

Result<std::vector<ControlRow>> ended_since(Database& db, WallTime since) {
  return control_rows(db.select("SELECT " GATECAST_CONTROL_COLUMNS " FROM control_log"
                                " WHERE at >= ? ORDER BY seq",
                                since));
}

}  // namespace gatecast::sqlite
