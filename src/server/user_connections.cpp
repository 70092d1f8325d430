#include "server/user_connections.hpp"

#include "server/connection.hpp"

namespace gatecast::server {
namespace {

ConnectionsBySid connections_here(Worker& worker, std::string_view user_id) {
  ConnectionsBySid here;
  const auto* user = worker.users().find(user_id);
  if (user == nullptr) return here;
  worker.each_of(*user, [&here](Connection& connection) {
    if (connection.connected()) ++here[std::string(connection.sid())];
  });
  return here;
}

}  // namespace

Task<ConnectionsBySid> connections_by_sid(Services& services, std::string user_id) {
  ConnectionsBySid sum;
  for (auto* worker : services.workers) {
    const auto here = co_await ask<ConnectionsBySid>(worker->shard(), *worker,
                                                     [&user_id](Worker& w) { return connections_here(w, user_id); });
    for (const auto& [sid, connections] : here) sum[sid] += connections;
  }
  co_return sum;
}

}  // namespace gatecast::server
