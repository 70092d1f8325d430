// What keeps the file small, and what is noted about it.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"

namespace gatecast::sqlite {
namespace {

/// The oldest endings with the sessions that they are of: the control log knows an ending as long as its session.
Result<std::uint64_t> prune_endings(Database& db, WallTime before, std::int64_t most) {
  auto sessions = db.run(
      "DELETE FROM sessions WHERE sid IN (SELECT subject FROM control_log WHERE at < ? ORDER BY at, seq LIMIT ?)",
      before, most);
  if (!sessions) return sessions;
  auto rows =
      db.run("DELETE FROM control_log WHERE seq IN (SELECT seq FROM control_log WHERE at < ? ORDER BY at, seq LIMIT ?)",
             before, most);
  if (!rows) return rows;
  return *sessions + *rows;
}

}  // namespace

Result<std::uint64_t> prune(Database& db, WallTime now, WallTime audit_before, WallTime ended_before,
                            std::uint32_t limit) {
  const auto most = static_cast<std::int64_t>(limit);
  auto nonces = db.run(
      "DELETE FROM used_nonces WHERE nonce IN (SELECT nonce FROM used_nonces WHERE expires < ? LIMIT ?)", now, most);
  if (!nonces) return nonces;
  auto audits = db.run(
      "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? AND id < (SELECT max(id) FROM audit) LIMIT ?)",
      audit_before, most);
  if (!audits) return audits;
  auto endings = prune_endings(db, ended_before, most);
  if (!endings) return endings;
  auto grants = prune_grants(db, audit_before, limit);
  if (!grants) return grants;
  return *nonces + *audits + *endings + *grants;
}

Result<ExpiredPart> expired_part(Database& db, std::int64_t after, WallTime before, std::uint32_t scan) {
  Query query = db.select(
      "SELECT rowid, sid, ended_at IS NULL AND expires_at < ? FROM sessions WHERE rowid > ? ORDER BY rowid LIMIT ?",
      before, after, static_cast<std::int64_t>(scan));
  ExpiredPart part;
  for (std::uint32_t read = 0;; ++read) {
    Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) {
      if (read < scan) part.read_to = 0;
      return part;
    }
    part.read_to = query.number(0);
    if (query.flag(2)) part.sids.push_back(query.text(1));
  }
}

Result<std::uint64_t> remove_expired(Database& db, const std::vector<std::string>& sids, WallTime before) {
  std::uint64_t gone = 0;
  for (const std::string& sid : sids) {
    auto removed = db.run("DELETE FROM sessions WHERE sid = ? AND ended_at IS NULL AND expires_at < ?", sid, before);
    if (!removed) return removed;
    gone += *removed;
  }
  return gone;
}

Result<std::uint64_t> position(Database& db, const std::string& name) {
  auto seq =
      first(db.select("SELECT seq FROM positions WHERE name = ?", name), [](const Query& row) { return row.count(0); });
  if (!seq) return seq.error();
  return seq->value_or(0);
}

Result<void> set_position(Database& db, const std::string& name, std::uint64_t seq) {
  auto written =
      db.run("INSERT INTO positions (name, seq) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
             name, static_cast<std::int64_t>(seq));
  if (!written) return written.error();
  return {};
}

Result<bool> lease(Database& db, const std::string& name, const std::string& holder, std::chrono::milliseconds ttl,
                   WallTime now) {
  auto taken = db.run(
      "INSERT INTO leases (name, holder, until) VALUES (?1, ?2, ?3)"
      " ON CONFLICT (name) DO UPDATE SET holder = ?2, until = ?3 WHERE holder = ?2 OR until <= ?4",
      name, holder, now + ttl, now);
  if (!taken) return taken.error();
  return *taken == 1;
}

Result<std::optional<WallTime>> restored_at(Database& db) {
  return first(db.select("SELECT at FROM restores ORDER BY at DESC LIMIT 1"),
               [](const Query& row) { return row.time(0); });
}

Result<void> ping(Database& db) {
  Query query = db.select("SELECT version FROM schema_version");
  Result<bool> row = query.next();
  if (!row) return row.error();
  return *row ? Result<void>{} : fail(Errc::store_failed, "the schema's version is gone");
}

}  // namespace gatecast::sqlite
