#include "store/user_rules.hpp"

#include <utility>

namespace gatecast::store {
namespace {

/// Takes over what is given and differs; its name goes into `names`.
template <class T>
void take(const std::optional<T>& given, T& member, std::string_view name, std::string& names) {
  if (!given.has_value() || *given == member) return;
  member = *given;
  if (!names.empty()) names += ", ";
  names += name;
}

}  // namespace

Result<UserDecision> decide_user(const UserChange& change, UserKnown known) {
  UserDecision decision{.done = {.ok = true, .created = !known.user}, .names = {}};
  UserRow& user = decision.done.user;
  if (known.user) {
    user = std::move(*known.user);
  } else {
    user.id = change.id;
    user.ref_code = change.new_user.ref_code;
    user.created_at = change.new_user.created_at;
  }
  const bool taken = known.owner_of_code && *known.owner_of_code != user.id;
  if (change.ref_code && *change.ref_code != user.ref_code && taken) return fail(Errc::ref_code_taken);
  std::string& names = decision.names;
  take(change.nickname, user.nickname, "nickname", names);
  take(change.avatar, user.avatar, "avatar", names);
  take(change.claims, user.claims, "claims", names);
  take(change.ref_code, user.ref_code, "ref_code", names);
  take(change.is_creator, user.is_creator, "is_creator", names);
  take(change.is_verified, user.is_verified, "is_verified", names);
  if (change.referrer && !user.referrer && *change.referrer != user.id && known.referrer) {
    take(std::make_optional(change.referrer), user.referrer, "referrer", names);
  }
  decision.done.changed = decision.done.created || !names.empty();
  return decision;
}

AuditRow user_noted(const UserDecision& decision, WallTime at) {
  const bool created = decision.done.created;
  return {.at = at,
          .kind = created ? "user_created" : "user_changed",
          .user_id = decision.done.user.id,
          .detail = created ? "api" : decision.names};
}

bool refuses_change(Errc code) {
  return code == Errc::identity_taken || code == Errc::ref_code_taken || code == Errc::identity_limit;
}

}  // namespace gatecast::store
