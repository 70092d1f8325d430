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
  store::SessionView view;
  std::string renewed_ip;
};

/// The row as it stands, where the secret is its own. Hashes of random secrets are compared, so how long that takes
/// tells nothing. One query for all that a renewal reads: it is read once more only where it was lost to another.
Result<Found> find(Database& db, const Renewal& request) {
  constexpr int kOwn = kViewColumnCount;
  Query query = db.select(
      "SELECT " GATECAST_VIEW_COLUMNS
      ", s.secret_hash IS NOT NULL AND s.secret_hash = CAST(? AS BLOB), s.kept_gen, s.rotated_at, s.renewed_ip"
      " FROM" GATECAST_VIEW_TABLES " WHERE s.sid = ?",
      request.secret_hash, request.sid);
  Result<bool> any = query.next();
  if (!any) return any.error();
  if (!*any) return fail(Errc::session_unknown);
  if (!query.flag(kOwn)) return fail(Errc::refresh_invalid, "secret of another session");
  Found found{.row = {}, .view = view_from(query), .renewed_ip = query.text(kOwn + 3)};
  const SessionRow& session = found.view.session;
  found.row = {.gen = session.gen,
               .kept_gen = std::max(query.count(kOwn + 1), request.kept_gen),
               .rotated_at = query.time(kOwn + 2),
               .expires_at = session.expires_at,
               .absolute_expires_at = session.absolute_expires_at,
               .end_reason = session.end_reason,
               .blocked = found.view.user.blocked};
  return found;
}

/// Writes what was decided about the row as `found` has it, and to the view; false: the row is another one by now.
Result<bool> apply(Database& db, const Renewal& request, Found& found, const RotationDecision& decision, WallTime now) {
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
      found.view.session = std::move(ended->session);
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
      found.view.session.gen = decision.gen;
      found.view.session.expires_at = decision.expires_at;
      break;
  }
  if (!changed) return changed.error();
  return *changed == 1;
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
                               .user_id = found->view.user.id,
                               .sid = request.sid,
                               .ip = request.ip,
                               .detail = "last renewed from " + found->renewed_ip}});
      if (!noted) return noted.error();
    }
    return Renewed{.decision = decision, .view = std::move(found->view)};
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
  return collect(std::move(query), [](const Query& row) { return session_from(row, 0); });
}

Result<std::vector<SessionRow>> end_sessions(Database& db, const std::string& user_id, const std::string& keep_sid,
                                             Errc reason, WallTime at, const std::string& ip) {
  auto raised = db.run("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = ?", user_id);
  if (!raised) return raised.error();
  // Those past their end too: a clock that is set back would let them live again.
  auto sids = collect(db.select("SELECT sid FROM sessions WHERE user_id = ? AND ended_at IS NULL AND sid <> ?"
                                " ORDER BY created_at, rowid",
                                user_id, keep_sid),
                      text_from);
  if (!sids) return sids.error();
  return end_each(db, *sids, reason, at, ip);
}

Result<std::vector<SessionRow>> end_sessions_of_identity(Database& db, const store::IdentityRow& identity, WallTime at,
                                                         const std::string& ip) {
  auto sids = collect(db.select("SELECT sid FROM sessions WHERE user_id = ? AND ended_at IS NULL AND identity_id = ?"
                                " ORDER BY created_at, rowid",
                                identity.user_id, identity.id),
                      text_from);
  if (!sids) return sids.error();
  return end_each(db, *sids, Errc::identity_unlinked, at, ip);
}

Result<std::vector<SessionRow>> end_over_limit(Database& db, const std::string& user_id, std::uint32_t most,
                                               WallTime now, const std::string& ip) {
  auto sids = collect(db.select("SELECT sid FROM sessions WHERE user_id = ? AND ended_at IS NULL AND expires_at > ?"
                                " ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?",
                                user_id, now, static_cast<std::int64_t>(most)),
                      text_from);
  if (!sids) return sids.error();
  return end_each(db, *sids, Errc::session_limit, now, ip);
}

}  // namespace gatecast::sqlite
