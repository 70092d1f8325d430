// The server under test: build/<preset>/gatecast with a configuration of its own in a temporary folder, on free ports.
//
// GATECAST_BENCH_SERVER names another program, GATECAST_BENCH_SHARDS another number of shards than one: the floor has
// one thread, and the readers need the other core. Rate limits are off, everything else is as shipped.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/http_client.hpp"
#include "bench/process.hpp"

namespace gatecast::bench {

struct ServerSettings {
  bool eddsa = false;     // access tokens signed by EdDSA, as shipped; otherwise HS256
  std::string session{};  // lines of [session]
  std::string limits{};   // more lines of [limits]
  std::string more{};     // whole tables behind the rest
};

class ServerProcess {
 public:
  /// Starts it and waits until /readyz answers 200.
  explicit ServerProcess(const ServerSettings& settings = {});
  ~ServerProcess();

  /// Ends it with SIGTERM, as an operator does; returns when it has gone.
  void stop();
  /// Starts it on the same data and ports; gives the moment at which its public port first took a connection.
  std::int64_t start_again();

  Process& process() { return *process_; }
  std::uint16_t port() const { return port_; }
  std::uint16_t ops_port() const { return ops_port_; }
  const std::string& folder() const { return folder_; }
  /// Sum of a metric's samples by the beginning of their lines, e.g. `gatecast_store_commits_total`.
  double metric(std::string_view begins) const;
  /// Bytes it sent to clients while `work` ran.
  double bytes_out_of(const std::function<void()>& work);

 private:
  void start();
  void wait_ready();

  std::string folder_;
  std::uint16_t port_ = 0;
  std::uint16_t ops_port_ = 0;
  std::string program_;
  std::unique_ptr<Process> process_;
};

/// Publishes through the server API, over one connection.
class Publisher {
 public:
  Publisher(const ServerProcess& server, std::string channel);

  /// `count` publications in one request, each with `stamp_ns` in its data, whose push as a WebSocket frame has
  /// `frame_bytes` bytes.
  void publish(std::size_t count, std::size_t frame_bytes, std::int64_t stamp_ns);
  /// One publication into each channel of these numbers, in one request; the channel's name has `{}` for the number.
  void publish_to_each(const std::vector<std::size_t>& numbers);

 private:
  void post(const std::string& lines);

  HttpClient client_;
  std::string channel_;
};

}  // namespace gatecast::bench
