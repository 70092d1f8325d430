// What an application's word makes of a user's row: decided here, alike for every store.
//
// Place: between store::Store and the SQL of the adapters, which read before and write after, in one transaction.
// Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "store/store.hpp"

namespace gatecast::store {

/// What the store knows of a change before it is made.
struct UserKnown {
  std::optional<UserRow> user{};
  std::optional<std::string> owner_of_code{};  // who has the change's ref_code
  bool referrer = false;                       // the change's referrer is a user
};

struct UserDecision {
  UserChanged done;   // `changed`: its row is to be written
  std::string names;  // of the members that differ: "nickname, avatar"
};

/// Error: ref_code_taken.
Result<UserDecision> decide_user(const UserChange& change, UserKnown known);

/// The audit row of a decision that changes the user.
AuditRow user_noted(const UserDecision& decision, WallTime at);

/// Whether the code refuses one change and leaves the others alone.
bool refuses_change(Errc code);

}  // namespace gatecast::store
