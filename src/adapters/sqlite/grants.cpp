// Grants: each change in one transaction with the version of its user's grants and an audit row.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"
#include "store/grant_rules.hpp"

namespace gatecast::sqlite {

using store::GrantChange;
using store::GrantHolder;
using store::GrantRow;

namespace {

/// Of a user who is known, or of a trusted issuer. Error: user_unknown.
Result<GrantHolder> holder_of(Database& db, const std::string& user_id, bool foreign) {
  auto found = first(db.select("SELECT version, standing FROM grant_holders WHERE user_id = ?", user_id),
                     [](const Query& row) { return GrantHolder{row.count(0), row.number(1)}; });
  if (!found) return found.error();
  if (found->has_value()) return **found;
  if (foreign) return GrantHolder{};
  auto user = first(db.select("SELECT id FROM users WHERE id = ?", user_id), text_from);
  if (!user) return user.error();
  if (!user->has_value()) return fail(Errc::user_unknown);
  return GrantHolder{};
}

Result<void> write_holder(Database& db, const std::string& user_id, const GrantHolder& holder) {
  auto written = db.run(
      "INSERT INTO grant_holders (user_id, version, standing) VALUES (?, ?, ?)"
      " ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, standing = excluded.standing",
      user_id, static_cast<std::int64_t>(holder.version), holder.standing);
  if (!written) return written.error();
  return {};
}

Result<void> write_grant(Database& db, const GrantRow& grant, WallTime now) {
  auto written = db.run(
      "INSERT INTO grants (id, user_id, resource, key, state, from_at, until_at, meta, created_at, change_at)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, resource, key) DO UPDATE SET"
      " state = excluded.state, from_at = excluded.from_at, until_at = excluded.until_at, meta = excluded.meta,"
      " change_at = excluded.change_at",
      grant.id, grant.user_id, grant.resource, grant.key, static_cast<std::int64_t>(grant.state), grant.from,
      grant.until, grant.meta, now, grant_change_at(grant));
  if (!written) return written.error();
  return {};
}

Result<std::optional<GrantRow>> find_grant(Database& db, const store::GrantAdd& request) {
  return first(
      db.select("SELECT " GATECAST_GRANT_COLUMNS " FROM grants g WHERE g.user_id = ? AND g.resource = ? AND g.key = ?",
                request.user_id, request.resource, request.key),
      [](const Query& row) { return grant_from(row, 0); });
}

}  // namespace

Result<store::GrantAdded> add_grant(Database& db, const store::GrantAdd& request, WallTime now) {
  auto holder = holder_of(db, request.user_id, request.foreign);
  if (!holder) return holder.error();
  auto before = find_grant(db, request);
  if (!before) return before.error();

  auto added = add_to(*holder, request, *before, now);
  if (!added || !added->changed) return added;
  const GrantRow& grant = added->change.grant;
  if (auto written = write_holder(db, grant.user_id, *holder); !written) return written.error();
  if (auto written = write_grant(db, grant, now); !written) return written.error();
  auto noted = audit(db, {grant_noted(added->change, now, request.actor, request.ip)});
  if (!noted) return noted.error();
  return added;
}

Result<GrantsGone> remove_grants(Database& db, const store::GrantRemove& request, WallTime now) {
  auto holder = holder_of(db, request.user_id, request.foreign);
  if (!holder) return holder.error();
  auto found = collect(
      db.select("SELECT " GATECAST_GRANT_COLUMNS
                " FROM grants g WHERE g.user_id = ?1 AND (?2 = '' OR g.id = ?2) AND (?3 = '' OR g.resource = ?3)"
                " AND (?4 IS NULL OR g.key = ?4) ORDER BY g.resource, g.key",
                request.user_id, request.id, request.resource, request.key),
      [](const Query& row) { return grant_from(row, 0); });
  if (!found) return found.error();
  GrantsGone gone{.result = {.removed = found->size(), .version = holder->version}};
  for (GrantRow& grant : *found) {
    auto removed = db.run("DELETE FROM grants WHERE id = ?", grant.id);
    if (!removed) return removed.error();
    const GrantChange& change = gone.changes.emplace_back(remove_from(*holder, std::move(grant)));
    auto noted = audit(db, {grant_removal_noted(change, now, request.actor, request.ip)});
    if (!noted) return noted.error();
  }
  if (gone.changes.empty()) return gone;
  if (auto written = write_holder(db, request.user_id, *holder); !written) return written.error();
  gone.result.version = holder->version;
  return gone;
}

Result<std::vector<store::UserGrants>> grants_of(Database& db, const std::vector<std::string>& user_ids) {
  std::vector<store::UserGrants> all;
  for (const std::string& user_id : user_ids) {
    // One statement, so that version and rows are of one moment.
    Query query = db.select("SELECT h.version, " GATECAST_GRANT_COLUMNS
                            " FROM grant_holders h LEFT JOIN grants g ON g.user_id = h.user_id AND g.state < 2"
                            " WHERE h.user_id = ? ORDER BY g.resource, g.key",
                            user_id);
    auto& user = all.emplace_back();
    for (;;) {
      Result<bool> row = query.next();
      if (!row) return row.error();
      if (!*row) break;
      user.version = query.count(0);
      if (!query.is_null(1)) user.grants.push_back(grant_from(query, 1));
    }
  }
  return all;
}

Result<SweptGrants> sweep_grants(Database& db, std::uint32_t limit, WallTime now) {
  auto due = collect(
      db.select("SELECT " GATECAST_GRANT_COLUMNS " FROM grants g WHERE g.change_at <= ? ORDER BY g.change_at LIMIT ?",
                now, static_cast<std::int64_t>(limit)),
      [](const Query& row) { return grant_from(row, 0); });
  if (!due) return due.error();
  SweptGrants swept{.result = {.moved = due->size(), .now = now}};
  for (GrantRow& grant : *due) {
    auto holder = holder_of(db, grant.user_id, true);
    if (!holder) return holder.error();
    const GrantChange& change = swept.changes.emplace_back(move_in(*holder, std::move(grant), now));
    if (auto written = write_holder(db, change.grant.user_id, *holder); !written) return written.error();
    if (auto written = write_grant(db, change.grant, now); !written) return written.error();
    if (auto noted = audit(db, {grant_noted(change, now, {}, {})}); !noted) return noted.error();
  }
  auto next = first(db.select("SELECT change_at FROM grants WHERE change_at IS NOT NULL ORDER BY change_at LIMIT 1"),
                    [](const Query& row) { return row.time(0); });
  if (!next) return next.error();
  swept.result.next = *next;
  return swept;
}

Result<void> forget_grants(Database& db, const std::string& user_id) {
  for (const char* sql : {"DELETE FROM grants WHERE user_id = ?", "DELETE FROM grant_holders WHERE user_id = ?"}) {
    if (auto removed = db.run(sql, user_id); !removed) return removed.error();
  }
  return {};
}

Result<std::uint64_t> prune_grants(Database& db, WallTime before, std::uint32_t limit) {
  return db.run("DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE state = 2 AND until_at < ? LIMIT ?)",
                before, static_cast<std::int64_t>(limit));
}

}  // namespace gatecast::sqlite
