// After a change of grants: the user is told, and open subscriptions that it opened are judged again.
//
// Place: called by access through Server, on the store's thread, in the order of the commits. Threads: any.
#pragma once

#include <string>

#include "store/grants.hpp"

namespace gatecast::server {

struct Services;

/// All that was the user's has gone: trusted issuers' connections of that name outlive it.
void forget_granted(Services& services, const std::string& user_id);

void tell_grant(Services& services, const store::GrantChange& change);

}  // namespace gatecast::server
