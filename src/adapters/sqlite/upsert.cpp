// What an application says of its users: made or changed, each in a savepoint of its own.
#include "adapters/sqlite/columns.hpp"
#include "adapters/sqlite/operations.hpp"
#include "store/user_rules.hpp"

namespace gatecast::sqlite {
namespace {

using store::UserChange;
using store::UserChanged;
using store::UserRow;

Result<store::UserKnown> look(Database& db, const UserChange& change) {
  auto user = find_user(db, change.id);
  if (!user) return user.error();
  store::UserKnown known{.user = std::move(*user)};
  if (change.ref_code) {
    auto owner = first(db.select("SELECT id FROM users WHERE ref_code = ?", *change.ref_code), text_from);
    if (!owner) return owner.error();
    known.owner_of_code = std::move(*owner);
  }
  if (change.referrer) {
    auto referrer = find_user(db, *change.referrer);
    if (!referrer) return referrer.error();
    known.referrer = referrer->has_value();
  }
  return known;
}

Result<void> write(Database& db, const UserRow& user) {
  auto written = db.run(
      "UPDATE users SET nickname = ?, avatar = ?, claims = ?, ref_code = ?, is_creator = ?, is_verified = ?,"
      " referrer = ? WHERE id = ?",
      user.nickname, user.avatar, user.claims, user.ref_code, user.is_creator, user.is_verified, user.referrer,
      user.id);
  if (!written) return written.error();
  return {};
}

/// Adds what is missing; true: any of them was.
Result<bool> add_identities(Database& db, const UserChange& change, WallTime at) {
  bool changed = false;
  for (store::IdentityRow identity : change.identities) {
    identity.user_id = change.id;
    if (identity.created_at == WallTime{}) identity.created_at = at;
    auto known = may_add(db, identity);
    if (!known) return known.error();
    if (!known->has_value()) {
      auto added = add_identity(db, std::move(identity), {.at = at});
      if (!added) return added.error();
      changed = true;
    } else if (identity.profile != "{}" && !identity.profile.empty() && identity.profile != (*known)->profile) {
      // An application that knows nothing beside the subject leaves what a proof said.
      if (auto noted = note_profile(db, **known, identity.profile); !noted) return noted.error();
      changed = true;
    }
  }
  return changed;
}

Result<UserChanged> upsert(Database& db, const UserChange& change, WallTime at) {
  auto known = look(db, change);
  if (!known) return known.error();
  auto decision = decide_user(change, std::move(*known));
  if (!decision) return decision.error();
  UserChanged& done = decision->done;
  if (done.changed) {
    Result<void> written = done.created ? insert_user(db, done.user) : write(db, done.user);
    if (!written) return written.error();
    if (auto noted = audit(db, {user_noted(*decision, at)}); !noted) return noted.error();
  }
  auto added = add_identities(db, change, at);
  if (!added) return added.error();
  done.changed = done.changed || *added;
  return done;
}

/// In a savepoint: what is refused is undone alone. Another failure undoes the whole operation.
Result<UserChanged> upsert_alone(Database& db, const UserChange& change, WallTime at) {
  if (auto saved = db.run("SAVEPOINT user_change"); !saved) return saved.error();
  Result<UserChanged> done = upsert(db, change, at);
  if (!done) {
    if (!store::refuses_change(done.error().code)) return done;
    if (auto undone = db.run("ROLLBACK TO user_change"); !undone) return undone.error();
    done = UserChanged{.refused = done.error().code, .ok = false, .user = {.id = change.id}};
  }
  if (auto released = db.run("RELEASE user_change"); !released) return released.error();
  return done;
}

}  // namespace

Result<std::vector<UserChanged>> upsert_users(Database& db, std::span<const UserChange> changes, WallTime at,
                                              bool dry_run) {
  if (auto saved = db.run("SAVEPOINT dry_run"); !saved) return saved.error();
  std::vector<UserChanged> done;
  done.reserve(changes.size());
  for (const UserChange& change : changes) {
    auto one = upsert_alone(db, change, at);
    if (!one) return one.error();
    done.push_back(std::move(*one));
  }
  if (dry_run) {
    if (auto undone = db.run("ROLLBACK TO dry_run"); !undone) return undone.error();
  }
  if (auto released = db.run("RELEASE dry_run"); !released) return released.error();
  return done;
}

}  // namespace gatecast::sqlite
