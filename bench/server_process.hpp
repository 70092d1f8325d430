// The server under test: build/<preset>/gatecast with a configuration of its own in a temporary folder, on free ports.
//
// GATECAST_BENCH_SERVER names another program, GATECAST_BENCH_SHARDS another number of shards than one: the floor has
// one thread, and the readers need the other core. Rate limits are off, everything else is as shipped.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bench/http_client.hpp"
#include "bench/process.hpp"

namespace gatecast::bench {

struct ServerSettings {
  bool eddsa = false;     // access tokens signed by EdDSA, as shipped; otherwise HS256
  std::string session{};  // lines of [session]
  std::string limits{};   // more lines of [limits]
};

class ServerProcess {
 public:
  /// Starts it and waits until /readyz answers 200.
  explicit ServerProcess(const ServerSettings& settings = {});
  ~ServerProcess();

  Process& process() { return *process_; }
  std::uint16_t port() const { return port_; }
  std::uint16_t ops_port() const { return ops_port_; }
  const std::string& folder() const { return folder_; }
  /// Sum of a metric's samples by the beginning of their lines, e.g. `gatecast_store_commits_total`.
  double metric(std::string_view begins) const;

 private:
  std::string folder_;
  std::uint16_t port_ = 0;
  std::uint16_t ops_port_ = 0;
  std::unique_ptr<Process> process_;
};

/// Publishes through the server API, over one connection.
class Publisher {
 public:
  Publisher(const ServerProcess& server, std::string channel);

  /// `count` publications in one request, each with `stamp_ns` in its data, whose push as a WebSocket frame has
  /// `frame_bytes` bytes.
  void publish(std::size_t count, std::size_t frame_bytes, std::int64_t stamp_ns);

 private:
  HttpClient client_;
  std::string channel_;
};

}  // namespace gatecast::bench
