// What a change makes of a grant, of its holder's version and of the audit log: decided here, alike for every store.
//
// Place: between store::GrantStore and the SQL of the adapters, which read before and write after, in one transaction.
// Pure; any thread.
#pragma once

#include "store/grants.hpp"
#include "store/store.hpp"

namespace gatecast::store {

/// A row for each user who ever had a grant.
struct GrantHolder {
  std::uint64_t version = 0;
  std::int64_t standing = 0;  // grants that are not over
};

/// The grant as it will stand, and its holder with it. `changed` is false where it stands so already, also where it is
/// due and not swept yet: then nothing is to be written. Error: grant_limit.
Result<GrantAdded> add_to(GrantHolder& holder, const GrantAdd& request, const std::optional<GrantRow>& before,
                          WallTime now);
/// The grant goes.
GrantChange remove_from(GrantHolder& holder, GrantRow grant);
/// The grant's time has come: it begins or ends.
GrantChange move_in(GrantHolder& holder, GrantRow due, WallTime now);

/// The audit row of a change. The first line of its detail is the event's data; who asked for it (`actor`) is in the
/// audit log alone.
AuditRow grant_noted(const GrantChange& change, WallTime at, const std::string& actor, const std::string& ip);
AuditRow grant_removal_noted(const GrantChange& change, WallTime at, const std::string& actor, const std::string& ip);

}  // namespace gatecast::store
