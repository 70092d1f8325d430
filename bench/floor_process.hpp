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

/// bench_loop_floor: upgrades and nothing more, or echoes.
class LoopFloor {
 public:
  /// Answers upgrade requests with 101.
  LoopFloor() : LoopFloor(std::vector<std::string>{"upgrade"}) {}
  /// "echo": answers every frame with two, of so many bytes each; "greet": the same behind an upgrade.
  LoopFloor(const std::string& mode, std::size_t first_bytes, std::size_t second_bytes)
      : LoopFloor(std::vector<std::string>{mode, std::to_string(first_bytes), std::to_string(second_bytes)}) {}
  /// "greet" that verifies a signature for each frame.
  static LoopFloor greeting_signed(std::size_t first_bytes, std::size_t second_bytes) {
    return LoopFloor({"greet", std::to_string(first_bytes), std::to_string(second_bytes), "signed"});
  }

  std::uint16_t port() const { return port_; }
  Process& process() { return process_; }

 private:
  explicit LoopFloor(std::vector<std::string> arguments);

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
