// What the nodes of one deployment share – broker, cache, word of each other –, made as the configuration says.
//
// Place: between serve and the adapters for Redis; without a shared broker or cache it is empty. Owner: serve, which
// makes it before the server and destroys it after. Threads: `make` and `probe` from the main thread, the rest where
// Server::Parts::Shared says. Errors: config_invalid, where Redis refuses for a reason that does not pass by itself.
#pragma once

#include <memory>

#include "adapters/redis/redis_cache.hpp"
#include "adapters/redis/redis_nodes.hpp"
#include "app/late_cache.hpp"
#include "server/server.hpp"

namespace gatecast::app {

class SharedParts {
 public:
  /// How long the start waits to hear that Redis refuses.
  static constexpr Duration kProbeTime = std::chrono::seconds{3};

  SharedParts(const server::Config& config, const Clock& clock);

  /// Asks broker and cache once. One that does not answer now is found later: a warning.
  Result<void> probe() const;
  server::Server::Parts::Shared parts();

 private:
  redis::Client::Options options(const ServiceUrl& url, metrics::RedisRole role) const;
  std::unique_ptr<broker::Broker> make_broker(net::EpollLoop& loop) const;
  void start(net::EpollLoop& loop);

  const server::Config& config_;
  const ServiceUrl cache_url_;  // empty: none
  std::unique_ptr<redis::RedisNodes> nodes_;
  std::unique_ptr<redis::RedisCache> redis_cache_;  // from `start`
  LateCache cache_;
};

}  // namespace gatecast::app
