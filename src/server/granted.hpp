// After a change of grants: the user is told, and open subscriptions that it opened are judged again.
//
// Place: called by access through Server, on the store's thread, in the order of the commits. Threads: any.
#pragma once

#include <string>

#include "store/grants.hpp"

namespace gatecast::server {

struct Services;

/// Judges the user's open subscriptions again, on every shard; any thread.
void rejudge_everywhere(Services& services, const std::string& user_id);
/// The same of every user, little by little.
void rejudge_all(Services& services);

/// All that was the user's has gone: trusted issuers' connections of that name outlive it.
void forget_granted(Services& services, const std::string& user_id);

/// A change that was made before was asked for again: whoever has not heard of it hears now.
void found_granted(Services& services, const std::string& user_id, std::uint64_t version);

void tell_grant(Services& services, const store::GrantChange& change);

}  // namespace gatecast::server
