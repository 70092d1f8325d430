// One command on its way, and what all connections of a client share. Place: between Client, Link and Connection.
#pragma once

#include <memory>
#include <random>

#include "adapters/redis/client.hpp"
#include "adapters/redis/resolver.hpp"
#include "adapters/redis/tls.hpp"
#include "broker/redis_url.hpp"

namespace gatecast::redis {

using broker::RedisAddress;
using broker::RedisUrl;

struct Request {
  std::string body{};              // the command as the wire has it; of a script what follows the script itself
  std::size_t texts = 0;           // of a script: texts in `body`
  const Script* script = nullptr;  // sent by its hash, or, `by_source`, whole
  ReplyDone done{};
  SteadyTime begun{};
  SteadyTime due{};
  Duration wait{};  // for a replica; zero: not durable
  std::uint16_t slot = 0;
  std::uint8_t redirects = 0;
  bool by_source = false;
  bool asking = false;  // a cluster's ASK led here
  bool kept = false;    // the body stays, for another try
  bool own = false;     // of the client itself: its answer goes to `done` at once

  void write_to(std::string& out) const;
  std::size_t bytes() const { return body.size() + (by_source ? script->source().size() : 0) + 64; }
};

struct Shared {
  Shared(net::EpollLoop& on, Client::Options with, RedisUrl at, std::unique_ptr<TlsClient> by)
      : loop(on), options(std::move(with)), url(std::move(at)), tls(std::move(by)), resolver(on) {}

  /// Runs in a later turn, unless the client is gone or stopped by then.
  template <class F>
  void later(F fn) {
    loop.post([alive = std::weak_ptr<int>(life), fn = std::move(fn)]() mutable {
      if (!alive.expired()) fn();
    });
  }

  net::EpollLoop& loop;
  const Client::Options options;
  const RedisUrl url;
  const std::unique_ptr<TlsClient> tls;
  Resolver resolver;
  std::shared_ptr<int> life = std::make_shared<int>(0);  // reset by stop
  std::minstd_rand chance{std::random_device{}()};
};

}  // namespace gatecast::redis
