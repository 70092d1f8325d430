// Identities: what a user is recognised by.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"

namespace gatecast::sqlite {

using store::IdentityRow;
using store::Link;
using store::Linked;
using store::Unlinked;

namespace {

Result<std::int64_t> identities_of(Database& db, const std::string& user_id) {
  auto count = first(db.select("SELECT count(*) FROM identities WHERE user_id = ?", user_id),
                     [](const Query& row) { return row.number(0); });
  if (!count) return count.error();
  return count->value_or(0);
}

}  // namespace

std::string audit_name(const IdentityRow& identity) { return fmt::format("{} {}", identity.kind, identity.subject); }

Result<void> insert_identity(Database& db, const IdentityRow& identity) {
  auto inserted =
      db.run("INSERT INTO identities (id, user_id, kind, subject, profile, created_at) VALUES (?, ?, ?, ?, ?, ?)",
             identity.id, identity.user_id, identity.kind, identity.subject, identity.profile, identity.created_at);
  if (!inserted) return inserted.error();
  return {};
}

Result<std::optional<IdentityRow>> find_identity(Database& db, const std::string& kind, const std::string& subject) {
  return first(db.select("SELECT " GATECAST_IDENTITY_COLUMNS " FROM identities i WHERE i.kind = ? AND i.subject = ?",
                         kind, subject),
               [](const Query& row) { return identity_from(row, 0); });
}

Result<void> note_profile(Database& db, IdentityRow& known, const std::string& profile) {
  if (known.id.empty() || profile.empty() || profile == known.profile) return {};
  auto written =
      db.run("UPDATE identities SET profile = ? WHERE kind = ? AND subject = ?", profile, known.kind, known.subject);
  if (!written) return written.error();
  known.profile = profile;
  return {};
}

Result<std::optional<IdentityRow>> may_add(Database& db, const IdentityRow& identity) {
  auto known = find_identity(db, identity.kind, identity.subject);
  if (!known) return known;
  if (known->has_value()) {
    if ((*known)->user_id != identity.user_id) return fail(Errc::identity_taken);
    return known;
  }
  auto count = identities_of(db, identity.user_id);
  if (!count) return count.error();
  if (*count >= static_cast<std::int64_t>(store::kIdentitiesMax)) return fail(Errc::identity_limit);
  return std::optional<IdentityRow>{};
}

Result<IdentityRow> add_identity(Database& db, IdentityRow identity, const store::AuditRow& why) {
  if (identity.profile.empty()) identity.profile = "{}";
  if (auto inserted = insert_identity(db, identity); !inserted) return inserted.error();
  store::AuditRow row = why;
  row.kind = "linked";
  row.user_id = identity.user_id;
  row.detail = audit_name(identity);
  if (auto noted = audit(db, {row}); !noted) return noted.error();
  return identity;
}

// All that refuses comes before the first write, so that a refusal does not undo its group.
Result<Linked> link(Database& db, const Link& request, WallTime now) {
  const IdentityRow& identity = request.identity;
  auto owner = find_user(db, identity.user_id);
  if (!owner) return owner.error();
  if (!owner->has_value()) return fail(Errc::user_unknown);
  if ((*owner)->blocked) return fail(Errc::user_blocked);
  auto known = may_add(db, identity);
  if (!known) return known.error();
  if (!request.nonce.empty()) {
    if (auto used = consume(db, request.nonce, request.nonce_expires, now); !used) return used.error();
  }
  if (known->has_value()) {
    Linked linked{.identity = std::move(**known), .now = false};
    if (auto noted = note_profile(db, linked.identity, identity.profile); !noted) return noted.error();
    return linked;
  }
  auto added = add_identity(db, identity, {.at = identity.created_at, .sid = request.sid, .ip = request.ip});
  if (!added) return added.error();
  return Linked{.identity = std::move(*added), .now = true};
}

Result<Unlinked> unlink(Database& db, const std::string& user_id, const std::string& identity_id, WallTime at,
                        const std::string& ip) {
  auto found =
      first(db.select("SELECT " GATECAST_IDENTITY_COLUMNS " FROM identities i WHERE i.user_id = ? AND i.id = ?",
                      user_id, identity_id),
            [](const Query& row) { return identity_from(row, 0); });
  if (!found) return found.error();
  if (!found->has_value()) return fail(Errc::not_found);
  auto count = identities_of(db, user_id);
  if (!count) return count.error();
  if (*count < 2) return fail(Errc::identity_last);

  Unlinked done{.identity = std::move(**found), .ended = {}};
  auto removed =
      db.run("DELETE FROM identities WHERE kind = ? AND subject = ?", done.identity.kind, done.identity.subject);
  if (!removed) return removed.error();
  auto noted =
      audit(db, {{.at = at, .kind = "unlinked", .user_id = user_id, .ip = ip, .detail = audit_name(done.identity)}});
  if (!noted) return noted.error();
  auto ended = end_sessions_of_identity(db, done.identity, at, ip);
  if (!ended) return ended.error();
  done.ended = std::move(*ended);
  return done;
}

}  // namespace gatecast::sqlite
