// Calls of the server API that mean the connections of every node: asked of the others as they were asked of this one.
//
// Place: between API methods and broker::Nodes. A call travels as its own parameters, in JSON, and each node does its
// part by its own configuration. Threads: any shard's; what others ask is done on the shard where Nodes runs.
// Without other nodes nothing is asked. Bounds: kNodeCallTime; those of Nodes.
// Errors: `everywhere`: what this node says of the parameters, and temporarily_unavailable where a node did not say
// that it has done its part – what is done twice does no harm. `ask_others` names who did not answer instead.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/json/json_in.hpp"
#include "server/services.hpp"

namespace gatecast::server {

inline constexpr Duration kNodeCallTime = std::chrono::seconds{2};

struct Elsewhere {
  std::vector<std::string> answers;
  /// Names of nodes that did not answer; "*": this one is out of touch, nobody knows with how many.
  std::vector<std::string> missing;
};

Task<Elsewhere> ask_others(Services& services, std::string kind, std::string params);
/// `["eu-1", …]`
std::string missing_json(const Elsewhere& elsewhere);

/// This node's part of a call: JSON.
using NodeCall = Task<Result<std::string>> (*)(Services& services, const JsonIn& params);

/// Does the call here and has it done by the others; gives how many connections it meant.
Task<Result<std::size_t>> everywhere(Services& services, std::string_view kind, const JsonIn& params);
/// The parameters as others get them: without what is of the call alone.
std::string params_text(const JsonIn& params);
/// Ends the user's connections wherever they are, by that code.
Task<Result<std::size_t>> close_everywhere(Services& services, std::string_view user, Errc code);

/// What each node answers for itself. `{"count"}`; api_connections.cpp and api_subscriptions.cpp.
Task<Result<std::string>> disconnect_here(Services& services, const JsonIn& params);
Task<Result<std::string>> subscribe_here(Services& services, const JsonIn& params);
Task<Result<std::string>> unsubscribe_here(Services& services, const JsonIn& params);
Task<Result<std::string>> refresh_here(Services& services, const JsonIn& params);
/// `{"total", "rows": [{"key", "session", "row"}]}`, the best first; api_connection_list.cpp.
Task<Result<std::string>> connections_here(Services& services, const JsonIn& params);
/// `{"sessions": [{"sid", "count"}]}` of `{"user"}`; user_connections.cpp.
Task<Result<std::string>> connected_here(Services& services, const JsonIn& params);
/// `{"channels": [{"name", "count"}], "total", "cut"}`; api_channels.cpp.
Task<Result<std::string>> channels_here(Services& services, const JsonIn& params);
/// The node's entry of `info`; api_connections.cpp.
Task<Result<std::string>> info_here(Services& services, const JsonIn& params);

/// Answers the others from now on; before Nodes starts.
void answer_others(Services& services);

}  // namespace gatecast::server
