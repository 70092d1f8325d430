// Connections of a node that hears of no endings: they live no longer than session.blind_max.
#include <algorithm>

#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "server/nodes/blind_share.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {

void Worker::leave_blind() {
  const Duration blind = services_.sessions.blind();
  if (shard_.index() == 0) {
    const auto age = std::chrono::floor<std::chrono::seconds>(services_.sessions.out_of_touch());
    metrics::gauge_set<"control_log_age_seconds">(age.count());
  }
  const Duration most = services_.config.session.blind_max;
  if (blind < most / 2) return;
  std::vector<Connection*> of_sessions;
  each_connection([&of_sessions](Connection& c) {
    if (c.connected() && !c.sid().empty()) of_sessions.push_back(&c);
  });
  of_sessions.resize(std::min(of_sessions.size(), blind_share(of_sessions.size(), blind, most)));
  for (auto* connection : of_sessions) connection->close(Errc::force_reconnect);
  if (!of_sessions.empty()) log::warn("blind", {{"count", of_sessions.size()}});
}

}  // namespace gatecast::server
