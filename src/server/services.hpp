// What every worker and route shares: configuration, sessions, limits, policies, and the way to the other shards.
//
// Owner: Server. Threads: written before the shards start, then only read; what changes is atomic or thread-safe
// itself.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/task.hpp"
#include "core/versioned.hpp"
#include "http/client_ip.hpp"
#include "http/origin.hpp"
#include "http/route.hpp"
#include "limits/debtors.hpp"
#include "limits/rate_limiter.hpp"
#include "net/shard.hpp"
#include "net/tls_context.hpp"
#include "server/config/config.hpp"
#include "server/namespaces.hpp"
#include "server/settings.hpp"
#include "server/sightings.hpp"
#include "server/socket/user_counts.hpp"
#include "session/sessions.hpp"
#include "store/store.hpp"

namespace gatecast::access {
class Grants;
}
namespace gatecast::broker {
class Nodes;
}
namespace gatecast::inbox {
class Inbox;
}
namespace gatecast::limits {
class Idempotency;
}
namespace gatecast::session {
class Accounts;
class Bell;
}  // namespace gatecast::session

namespace gatecast::server {

class Figures;
class Neighbours;
class Reloading;
class SelfChecks;
class Worker;

struct Services {
  const Config& config;
  const Clock& clock;
  session::Sessions& sessions;
  store::Store& store;
  session::Accounts& accounts;
  session::Bell& events;  // rung where the application may hear of something
  limits::Idempotency& idempotency;
  limits::RateLimiter& limiter;
  net::Shards& shards;
  const Versioned<const Settings>& settings;  // what SIGHUP exchanges
  std::string version;
  std::string node;              // this process's id, a UUID
  std::string node_name;         // as configured, or the host's
  std::uint64_t epoch_seed = 0;  // random: of the histories of this process
  Namespaces namespaces;
  http::TrustedProxies proxies;
  http::OriginPolicy origins;
  http::Router public_routes;
  http::Router ops_routes;
  net::TlsPort public_tls{};
  net::TlsPort ops_tls{};
  access::Grants* grants = nullptr;
  inbox::Inbox* inbox = nullptr;
  Reloading* reloading = nullptr;        // takes a new configuration when asked
  broker::Nodes* nodes = nullptr;        // the others; null: this process serves alone
  cache::Cache* shared_cache = nullptr;  // the nodes' common one; null: this process counts for itself
  Neighbours* neighbours = nullptr;      // what is told to them, where there may be some
  Figures* figures = nullptr;            // what went on lately
  SelfChecks* checks = nullptr;          // what the server says of its own state
  Sightings sightings{};                 // of proxies
  std::vector<Worker*> workers{};
  UserCounts user_counts{};
  limits::Debtors debtors{};
  WallTime started{};
  std::atomic<bool> ready{false};
  std::atomic<bool> draining{false};
};

/// Runs `fn(Worker&)` on the shard of `worker` and gives its value here.
template <class T, class F>
Task<T> ask(net::Shard& shard, Worker& worker, F fn) {
  co_return co_await arrival<T>([&shard, &worker, &fn](Resume<T> resume) {
    shard.post_control([&worker, fn, resume = std::move(resume)]() mutable { resume(fn(worker)); });
  });
}

}  // namespace gatecast::server
