// The floors as children that are driven beside the server.
#pragma once

#include <cstdint>

#include "bench/process.hpp"

namespace gatecast::bench {

/// bench_floor, driven round by round.
class FloorProcess {
 public:
  FloorProcess(std::size_t sockets, std::size_t frame_bytes, std::size_t burst);

  std::uint16_t port() const { return port_; }
  /// Returns when every socket was accepted.
  void wait_ready();
  /// One round: a send of `burst` frames to each socket. Does not wait for it.
  void round() { process_.write("x"); }
  Process& process() { return process_; }

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

/// bench_floor that closes its sockets when told.
class CloseFloor {
 public:
  explicit CloseFloor(std::size_t sockets);
  std::uint16_t port() const { return port_; }
  /// Returns when every socket was accepted.
  void wait_ready();
  void close() { process_.write("x"); }
  Process& process() { return process_; }

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

/// bench_auth_floor as a child, on a database of its own.
class AuthFloor {
 public:
  explicit AuthFloor(const std::string& database);
  /// As many requests a transaction as the server had of late.
  void set_group(double size);
  std::uint16_t port() const { return port_; }
  Process& process() { return process_; }

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

}  // namespace gatecast::bench
