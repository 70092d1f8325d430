#include "bench/floor_process.hpp"

#include <cstdlib>

namespace gatecast::bench {

FloorProcess::FloorProcess(std::size_t sockets, std::size_t frame_bytes, std::size_t burst)
    : process_(
          {GATECAST_BENCH_FLOOR, "serve", std::to_string(sockets), std::to_string(frame_bytes), std::to_string(burst)},
          false) {
  const std::string line = process_.read_line();
  if (!line.starts_with("port ")) die("the floor did not say its port");
  port_ = static_cast<std::uint16_t>(std::strtoul(line.c_str() + 5, nullptr, 10));
}

void FloorProcess::wait_ready() {
  if (process_.read_line() != "ready") die("the floor is not ready");
}

}  // namespace gatecast::bench
