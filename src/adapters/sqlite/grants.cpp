// Grants: each change in one transaction with the version of its user's grants and an audit row.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"

namespace gatecast::sqlite {

using store::GrantChange;
using store::GrantNews;
using store::GrantRow;
using store::GrantState;

namespace {

constexpr std::string_view kGrantColumns = "id, user_id, resource, key, state, from_at, until_at, meta";

GrantRow grant_from(const Query& row, int at) {
  GrantRow grant{.id = row.text(at), .user_id = row.text(at + 1), .resource = row.text(at + 2)};
  grant.key = row.text(at + 3);
  grant.state = static_cast<GrantState>(row.number(at + 4));
  grant.from = row.time(at + 5);
  if (!row.is_null(at + 6)) grant.until = row.time(at + 6);
  grant.meta = row.text(at + 7);
  return grant;
}

struct Holder {
  std::uint64_t version = 0;
  std::int64_t standing = 0;  // grants that are not over
};

/// Of a user who is known, or of a trusted issuer. Error: user_unknown.
Result<Holder> holder_of(Database& db, const std::string& user_id, bool foreign) {
  auto found = first(db.select("SELECT version, standing FROM grant_holders WHERE user_id = ?", user_id),
                     [](const Query& row) { return Holder{row.count(0), row.number(1)}; });
  if (!found) return found.error();
  if (found->has_value()) return **found;
  if (foreign) return Holder{};
  auto user = first(db.select("SELECT id FROM users WHERE id = ?", user_id), text_from);
  if (!user) return user.error();
  if (!user->has_value()) return fail(Errc::user_unknown);
  return Holder{};
}

Result<void> write_holder(Database& db, const std::string& user_id, const Holder& holder) {
  auto written = db.run(
      "INSERT INTO grant_holders (user_id, version, standing) VALUES (?, ?, ?)"
      " ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, standing = excluded.standing",
      user_id, static_cast<std::int64_t>(holder.version), holder.standing);
  if (!written) return written.error();
  return {};
}

GrantNews news_of(bool held_before, const GrantRow& now) {
  const bool held = now.state == GrantState::held;
  if (held) return held_before ? GrantNews::changed : GrantNews::added;
  if (!held_before) return GrantNews::none;
  return now.state == GrantState::over ? GrantNews::expired : GrantNews::removed;
}

std::string_view kind_of(GrantNews news) {
  switch (news) {
    case GrantNews::added: return "grant_added";
    case GrantNews::none:
    case GrantNews::changed: return "grant_changed";
    case GrantNews::removed: return "grant_removed";
    case GrantNews::expired: return "grant_expired";
  }
  return "grant_changed";
}

/// Resource and key are printable ASCII.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

// The detail's first line is the event's data; who asked for it is in the audit log alone.
Result<void> note(Database& db, const GrantRow& grant, GrantNews news, bool gone, WallTime at, const std::string& actor,
                  const std::string& ip) {
  const std::string_view kind = gone ? "grant_removed" : kind_of(news);
  std::string detail = fmt::format(R"({{"change":"{}","id":{},"resource":{},"key":{}}})", kind.substr(6),
                                   quoted(grant.id), quoted(grant.resource), quoted(grant.key));
  if (!actor.empty()) detail += "\n" + actor;
  return audit(db, {{.at = at, .kind = std::string(kind), .user_id = grant.user_id, .ip = ip, .detail = detail}});
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

int standing(const std::optional<GrantRow>& grant) { return grant && grant->state != GrantState::over ? 1 : 0; }

Result<std::optional<GrantRow>> find_grant(Database& db, const store::GrantAdd& request) {
  static const std::string sql =
      fmt::format("SELECT {} FROM grants WHERE user_id = ? AND resource = ? AND key = ?", kGrantColumns);
  return first(db.select(sql, request.user_id, request.resource, request.key),
               [](const Query& row) { return grant_from(row, 0); });
}

}  // namespace

Result<store::GrantAdded> add_grant(Database& db, const store::GrantAdd& request, WallTime now) {
  auto holder = holder_of(db, request.user_id, request.foreign);
  if (!holder) return holder.error();
  auto before = find_grant(db, request);
  if (!before) return before.error();

  GrantRow grant{.id = request.id, .user_id = request.user_id, .resource = request.resource, .key = request.key};
  if (*before) grant = **before;
  grant.from = request.from.value_or(*before ? grant.from : now);
  grant.until = request.ttl ? std::optional(grant.from + *request.ttl) : request.until;
  grant.meta = request.meta;
  grant.state = store::grant_state(grant.from, grant.until, now);
  // What is due and not swept yet counts as it stands in the row: the same request again changes nothing.
  if (*before && grant.from == (**before).from && grant.until == (**before).until && grant.meta == (**before).meta) {
    return store::GrantAdded{{std::move(**before), holder->version, GrantNews::none}, false};
  }
  holder->standing += standing(grant) - standing(*before);
  if (standing(grant) > standing(*before) && holder->standing > static_cast<std::int64_t>(request.most)) {
    return Errc::grant_limit;
  }
  const GrantNews news = news_of(*before && (**before).state == GrantState::held, grant);
  if (news != GrantNews::none) ++holder->version;
  if (auto written = write_holder(db, grant.user_id, *holder); !written) return written.error();
  if (auto written = write_grant(db, grant, now); !written) return written.error();
  if (auto noted = note(db, grant, news, false, now, request.actor, request.ip); !noted) return noted.error();
  return store::GrantAdded{{std::move(grant), holder->version, news}, true};
}

Result<GrantsGone> remove_grants(Database& db, const store::GrantRemove& request, WallTime now) {
  auto holder = holder_of(db, request.user_id, request.foreign);
  if (!holder) return holder.error();
  static const std::string sql = fmt::format(
      "SELECT {} FROM grants WHERE user_id = ?1 AND (?2 = '' OR id = ?2) AND (?3 = '' OR resource = ?3)"
      " AND (?4 IS NULL OR key = ?4) ORDER BY resource, key",
      kGrantColumns);
  auto found = collect(db.select(sql, request.user_id, request.id, request.resource, request.key),
                       [](const Query& row) { return grant_from(row, 0); });
  if (!found) return found.error();
  GrantsGone gone{.result = {.removed = found->size(), .version = holder->version}};
  for (GrantRow& grant : *found) {
    auto removed = db.run("DELETE FROM grants WHERE id = ?", grant.id);
    if (!removed) return removed.error();
    const GrantNews news = grant.state == GrantState::held ? GrantNews::removed : GrantNews::none;
    if (news != GrantNews::none) ++holder->version;
    holder->standing -= standing(grant);
    if (auto noted = note(db, grant, news, true, now, request.actor, request.ip); !noted) return noted.error();
    gone.changes.push_back({std::move(grant), holder->version, news});
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
    Query query = db.select(
        "SELECT h.version, g.id, g.user_id, g.resource, g.key, g.state, g.from_at, g.until_at, g.meta"
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
  static const std::string sql =
      fmt::format("SELECT {} FROM grants WHERE change_at <= ? ORDER BY change_at LIMIT ?", kGrantColumns);
  auto due = collect(db.select(sql, now, static_cast<std::int64_t>(limit)),
                     [](const Query& row) { return grant_from(row, 0); });
  if (!due) return due.error();
  SweptGrants swept{.result = {.moved = due->size(), .now = now}};
  for (GrantRow& grant : *due) {
    auto holder = holder_of(db, grant.user_id, true);
    if (!holder) return holder.error();
    const bool held = grant.state == GrantState::held;
    const GrantState before = std::exchange(grant.state, store::grant_state(grant.from, grant.until, now));
    const GrantNews news = before == grant.state ? GrantNews::none : news_of(held, grant);
    if (news != GrantNews::none) ++holder->version;
    if (grant.state == GrantState::over) --holder->standing;
    if (auto written = write_holder(db, grant.user_id, *holder); !written) return written.error();
    if (auto written = write_grant(db, grant, now); !written) return written.error();
    if (auto noted = note(db, grant, news, false, now, {}, {}); !noted) return noted.error();
    swept.changes.push_back({std::move(grant), holder->version, news});
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
