// Which of a user's sessions are connected at this moment, asked of every shard in turn.
//
// Place: for the routes and API methods that list sessions. Threads: awaited on any shard. Bounds: one entry for each
// session connected here; connections of other processes are not counted.
#pragma once

#include <map>
#include <string>

#include "core/task.hpp"
#include "server/services.hpp"

namespace gatecast::server {

using ConnectionsBySid = std::map<std::string, std::size_t, std::less<>>;

/// The number of open client connections by session id; a session without one is not in it.
Task<ConnectionsBySid> connections_by_sid(Services& services, std::string user_id);

}  // namespace gatecast::server
