// What only the running server knows of itself, and what it says of it.
//
// Place: `look_at_running` collects on the caller's shard, `check_running` judges. Threads: `check_running` is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "server/checks/checks.hpp"
#include "server/config/config.hpp"
#include "server/nodes/node_facts.hpp"

namespace gatecast::server {

struct Services;

struct RunningFacts {
  std::string version{};
  Duration uptime{};
  std::string store_problem{};    // empty: it answers
  Duration out_of_touch{};        // the control log has not been read for
  Duration clock_drift{};         // the wall clock moved so much further than the steady one
  std::uint64_t log_dropped = 0;  // lines
  std::uint64_t connections = 0;  // open
  std::uint64_t connections_max = 0;
  std::optional<std::chrono::seconds> webhook_lag{};  // where there are webhooks
  std::optional<std::chrono::seconds> keys_age{};     // where a trusted issuer's keys are fetched
  std::optional<bool> broker_in_touch{};              // where nodes share one
  std::optional<bool> cache_in_touch{};
  NodeFacts mine{};
  std::vector<Neighbour> others{};
  std::uint64_t forwarded_untrusted = 0;
  std::string forwarder{};
};

/// Without what has to be waited for: `store_problem`, `clock_drift`.
RunningFacts look_at_running(const Services& services);
Checks check_running(const RunningFacts& facts);

}  // namespace gatecast::server
