// Messages of the server itself to one user: `{"gatecast":{"type":…}}` on the personal channel.
//
// Place: what changes a user's sessions, grants or notifications calls it after the commit; the channel's home numbers
// the messages, so a client that was away recovers them. Threads: any. Order: of one user's messages, that of the
// calls. Bounds: never refused, so who calls is bounded – by the store's commits; the history keeps the newest 100.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"

namespace gatecast::server {

struct Services;

/// Publishes `json`, one object on one line. `since`: when what it tells of was committed, for push_seconds.
void push_system(Services& services, std::string_view user_id, std::string json, std::optional<SteadyTime> since = {});

}  // namespace gatecast::server
