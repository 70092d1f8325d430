// bench_floor as a child that is driven round by round, beside the server.
#pragma once

#include <cstdint>

#include "bench/process.hpp"

namespace gatecast::bench {

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

}  // namespace gatecast::bench
