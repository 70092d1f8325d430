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

Result<void> insert_audit(Database& db, const store::AuditRow& row) {
  auto inserted = db.run(
      "INSERT INTO audit (at, kind, user_id, sid, ip, code, detail, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row.at,
      row.kind, row.user_id, row.sid, row.ip, row.code, row.detail, static_cast<std::int64_t>(row.count));
  if (!inserted) return inserted.error();
  return {};
}

Result<std::vector<ControlRow>> control_rows(Query query) {
  std::vector<ControlRow> rows;
  for (;;) {
    Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) return rows;
    rows.push_back({.seq = query.count(0),
                    .kind = query.text(1),
                    .subject = query.text(2),
                    .user_id = query.text(3),
                    .reason = reason_from(query.text(4)),
                    .at = query.time(5)});
  }
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
  auto audited = insert_audit(db, {.at = at,
                                   .kind = std::string(audit_kind(reason)),
                                   .user_id = session.user_id,
                                   .sid = sid,
                                   .ip = ip,
                                   .code = std::string(name),
                                   .detail = detail});
  if (!audited) return audited.error();
  session.ended_at = at;
  session.end_reason = reason;
  found->now = true;
  return found;
}

Result<void> touch(Database& db, const std::vector<std::pair<std::string, WallTime>>& seen) {
  for (const auto& [sid, at] : seen) {
    auto moved = db.run("UPDATE sessions SET last_seen_at = ?1 WHERE sid = ?2 AND last_seen_at < ?1", at, sid);
    if (!moved) return moved.error();
  }
  return {};
}

Result<void> audit(Database& db, const std::vector<store::AuditRow>& rows) {
  for (const auto& row : rows) {
    if (auto inserted = insert_audit(db, row); !inserted) return inserted;
  }
  return {};
}

Result<std::uint64_t> prune(Database& db, WallTime now, WallTime audit_before, std::uint32_t limit) {
  const auto most = static_cast<std::int64_t>(limit);
  auto nonces = db.run(
      "DELETE FROM used_nonces WHERE nonce IN (SELECT nonce FROM used_nonces WHERE expires < ? LIMIT ?)", now, most);
  if (!nonces) return nonces.error();
  auto audits = db.run("DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? LIMIT ?)", audit_before, most);
  if (!audits) return audits.error();
  return *nonces + *audits;
}

Result<void> ping(Database& db) {
  Query query = db.select("SELECT version FROM schema_version");
  Result<bool> row = query.next();
  if (!row) return row.error();
  return *row ? Result<void>{} : fail(Errc::store_failed, "the schema's version is gone");
}

Result<store::SessionView> session(Database& db, const std::string& sid) {
  Query query = db.select("SELECT " GATECAST_SESSION_COLUMNS ", " GATECAST_USER_COLUMNS
                          ", coalesce(i.subject, '') FROM sessions s JOIN users u ON u.id = s.user_id"
                          " LEFT JOIN identities i ON i.id = s.identity_id WHERE s.sid = ?",
                          sid);
  Result<bool> row = query.next();
  if (!row) return row.error();
  if (!*row) return fail(Errc::session_unknown);
  return store::SessionView{.session = session_from(query, 0),
                            .user = user_from(query, kSessionColumnCount),
                            .subject = query.text(kSessionColumnCount + kUserColumnCount)};
}

Result<std::vector<ControlRow>> control_log(Database& db, std::uint64_t after, std::uint32_t limit) {
  return control_rows(
      db.select("SELECT seq, kind, subject, user_id, reason, at FROM control_log WHERE seq > ? ORDER BY seq LIMIT ?",
                static_cast<std::int64_t>(after), static_cast<std::int64_t>(limit)));
}

Result<std::vector<ControlRow>> ended_since(Database& db, WallTime since) {
  // The sessions are the truth; their control rows only add the position to read on from.
  return control_rows(
      db.select("SELECT coalesce(max(c.seq), 0) AS seq, 'session_ended', s.sid, s.user_id, s.end_reason, s.ended_at"
                " FROM sessions s LEFT JOIN control_log c ON c.subject = s.sid"
                " WHERE s.ended_at >= ? GROUP BY s.sid ORDER BY seq",
                since));
}

}  // namespace gatecast::sqlite
