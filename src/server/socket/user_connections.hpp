// Which of a user's sessions are connected at this moment, asked of every shard in turn and of the other nodes.
//
// Place: for the routes and API methods that list sessions. Threads: awaited on any shard. Bounds: one entry for each
// session connected. Errors: none; nodes that do not answer are named.
#pragma once

#include <map>
#include <string>

#include "core/task.hpp"
#include "server/services.hpp"

namespace gatecast::server {

using ConnectionsBySid = std::map<std::string, std::size_t, std::less<>>;

struct Connected {
  ConnectionsBySid by_sid;  // a session without a connection is not in it
  std::string missing{};    // JSON: the nodes that did not answer; empty: all did

  std::size_t of(std::string_view sid) const {
    const auto at = by_sid.find(sid);
    return at == by_sid.end() ? 0 : at->second;
  }
};

/// The number of open client connections by session id.
Task<Connected> connections_by_sid(Services& services, std::string user_id);

}  // namespace gatecast::server
