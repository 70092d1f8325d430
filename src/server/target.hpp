// The open connections that a call of the server API means: all of a user, or one of them, or those of a session.
#pragma once

#include <functional>
#include <string>

#include "core/task.hpp"
#include "server/json/json_in.hpp"
#include "server/services.hpp"

namespace gatecast::server {

class Connection;

struct Target {
  std::string user;
  std::string client{};   // the connection's id in the protocol; empty: any
  std::string session{};  // empty: any
};

/// Of the members user, client and session. Errors: field_missing, field_invalid.
Result<Target> target_of(const JsonIn& params);

/// Calls `fn` for each of them on its shard, which may close it; gives their number.
Task<std::size_t> at_connections(Services& services, const Target& target, std::function<void(Connection&)> fn);

}  // namespace gatecast::server
