// What an application says of its users: made or changed, each on its own.
//
// A part of them is one transaction. All that refuses a change is read before the first write of it, so that a refusal
// leaves the others alone; where another transaction took a name in between, the part is done again.
#include <algorithm>

#include "adapters/postgres/operations.hpp"
#include "adapters/postgres/sql_affairs.hpp"
#include "adapters/postgres/sql_end.hpp"
#include "store/user_rules.hpp"

namespace gatecast::postgres {
namespace {

using store::IdentityRow;
using store::UserChange;
using store::UserChanged;
using store::UserRow;
using Changed = std::vector<UserChanged>;

constexpr std::size_t kChangesMax = 1000;
// Users that one transaction changes: their rows are locked until it ends.
constexpr std::size_t kChangesAtOnce = 50;

// Users who are not there yet have no row to lock: two parts that make the same ones in other orders would wait for
// each other. So their names are locked first, in one order; $2 bounds how many locks a long dry run takes.
constexpr Statement kHoldNames{
    "users.hold_names",
    "SELECT pg_advisory_xact_lock(26469, n.h) FROM (SELECT DISTINCT hashtext(id) & $2::int AS h"
    " FROM unnest($1) AS u (id) ORDER BY h) n"};
constexpr std::int64_t kAllBits = -1, kFewBits = 255;
constexpr Statement kHoldAll{"users.hold_all",
                             "SELECT 1 FROM gatecast.users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE"};
constexpr Statement kOwnerOfCode{"users.owner_of_code", "SELECT id FROM gatecast.users WHERE ref_code = $1"};
constexpr Statement kReferrer{"users.referrer", "SELECT id FROM gatecast.users WHERE id = $1 FOR KEY SHARE"};
constexpr Statement kWrite{"users.write",
                           "UPDATE gatecast.users SET nickname = $2, avatar = $3, claims = $4, ref_code = $5,"
                           " is_creator = $6, is_verified = $7, referrer = $8 WHERE id = $1"};

/// What the database knows about a change.
struct Known : store::UserKnown {
  std::vector<std::optional<IdentityRow>> identities{};  // of each of the change's
  std::uint64_t identity_count = 0;
};

Task<Result<Known>> look(Transaction& transaction, const UserChange& change) {
  Batch batch;
  batch.add(kHoldUser, change.id).add(kCountIdentities, change.id);
  batch.add(kOwnerOfCode, change.ref_code.value_or("")).add(kReferrer, change.referrer.value_or(""));
  const std::size_t from = batch.size();
  for (const IdentityRow& identity : change.identities) batch.add(kFindIdentity, identity.kind, identity.subject);
  auto seen = co_await transaction.run(std::move(batch));
  if (!seen) co_return seen.error();
  Known known;
  known.user = first((*seen)[0], [](const Row& row) { return user_from(row, 0); });
  known.identity_count = (*seen)[1].front().count(0);
  known.owner_of_code = first((*seen)[2], text_from);
  known.referrer = !(*seen)[3].empty();
  for (std::size_t i = from; i < seen->size(); ++i) {
    known.identities.push_back(first((*seen)[i], [](const Row& row) { return identity_from(row, 0); }));
  }
  co_return known;
}

/// What is missing goes into the batch; true: any of them was.
Result<bool> put_identities(Batch& batch, const UserChange& change, const Known& known, WallTime at) {
  bool changed = false;
  std::uint64_t count = known.identity_count;
  std::vector<IdentityRow> added;
  for (std::size_t i = 0; i < change.identities.size(); ++i) {
    IdentityRow identity = change.identities[i];
    identity.user_id = change.id;
    if (identity.created_at == WallTime{}) identity.created_at = at;
    if (identity.profile.empty()) identity.profile = "{}";
    std::optional<IdentityRow> there = known.identities[i];
    for (const IdentityRow& one : added) {
      if (one.kind == identity.kind && one.subject == identity.subject) there = one;
    }
    if (there && there->user_id != change.id) return fail(Errc::identity_taken);
    if (!there) {
      if (count++ >= store::kIdentitiesMax) return fail(Errc::identity_limit);
      put_identity(batch, identity);
      put_audit(batch, {.at = at, .kind = "linked", .user_id = change.id, .detail = audit_name(identity)});
      added.push_back(std::move(identity));
      changed = true;
    } else if (identity.profile != "{}" && identity.profile != there->profile) {
      // An application that knows nothing beside the subject leaves what a proof said.
      batch.add(kNoteProfile, identity.kind, identity.subject, identity.profile);
      changed = true;
    }
  }
  return changed;
}

/// The change's writes, and what they will have done.
Result<UserChanged> decide(const UserChange& change, const Known& known, WallTime at, Batch& batch) {
  auto decision = decide_user(change, known);
  if (!decision) return decision.error();
  UserChanged& done = decision->done;
  if (done.created) {
    put_user(batch, done.user);
  } else if (done.changed) {
    const UserRow& user = done.user;
    batch.add(kWrite, user.id, user.nickname, user.avatar, user.claims, user.ref_code, user.is_creator,
              user.is_verified, user.referrer);
  }
  if (done.changed) put_audit(batch, user_noted(*decision, at));
  auto added = put_identities(batch, change, known, at);
  if (!added) return added.error();
  done.changed = done.changed || *added;
  return done;
}

Task<Result<UserChanged>> upsert(Transaction& transaction, const UserChange& change, WallTime at) {
  auto known = co_await look(transaction, change);
  if (!known) co_return known.error();
  Batch batch;
  auto done = decide(change, *known, at, batch);
  if (!done && store::refuses_change(done.error().code)) {
    co_return UserChanged{.refused = done.error().code, .ok = false, .user = {.id = change.id}};
  }
  if (!done || batch.empty()) co_return done;
  auto written = co_await transaction.run(std::move(batch));
  if (!written) {
    const Failure& failure = transaction.failure();
    if (failure.broke("users_id") || failure.broke("users_ref_code") || failure.broke("identities_subject")) {
      transaction.repeat();
    }
    co_return written.error();
  }
  if (done->created) done->user.ref_code = written->front().front().text(0);
  co_return done;
}

struct Part {
  std::span<const UserChange> changes;
  WallTime at;
  bool dry_run;
  Changed done{};
};

/// With `dry_run` it ends as a failure, which undoes it, and `done` says what would be.
Task<Result<bool>> upsert_part(Transaction& transaction, Part& part) {
  part.done.clear();
  std::vector<std::string> ids;
  for (const UserChange& change : part.changes) ids.push_back(change.id);
  Batch hold;
  hold.add(kHoldNames, ids, part.dry_run ? kFewBits : kAllBits).add(kHoldAll, ids);
  auto held = co_await transaction.run(std::move(hold));
  if (!held) co_return held.error();
  for (const UserChange& change : part.changes) {
    auto one = co_await upsert(transaction, change, part.at);
    if (!one) co_return one.error();
    part.done.push_back(std::move(*one));
  }
  if (part.dry_run) co_return fail(Errc::cancelled, "dry run");
  co_return true;
}

}  // namespace

Task<Result<Changed>> upsert_users(Op op, const std::vector<UserChange>& changes, WallTime at, bool dry_run) {
  if (changes.size() > kChangesMax) co_return fail(Errc::overloaded, "users at once");
  Changed done;
  // What a dry run did is gone with its transaction, and later changes are judged by the earlier ones.
  const std::size_t at_once = dry_run ? kChangesMax : kChangesAtOnce;
  for (std::size_t from = 0; from < changes.size(); from += at_once) {
    Part part{std::span(changes).subspan(from, std::min(at_once, changes.size() - from)), at, dry_run};
    auto some = co_await in_transaction<bool>(
        op.renewed(), [&part](Transaction& transaction) { return upsert_part(transaction, part); });
    const bool undone =
        !some && dry_run && some.error().code == Errc::cancelled && part.done.size() == part.changes.size();
    if (!some && !undone) co_return some.error();
    std::move(part.done.begin(), part.done.end(), std::back_inserter(done));
  }
  co_return done;
}

}  // namespace gatecast::postgres
