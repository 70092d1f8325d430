#include "bench/floor_process.hpp"

#include <cstdlib>

namespace gatecast::bench {
namespace {

std::uint16_t port_said(Process& process) {
  const std::string line = process.read_line();
  if (!line.starts_with("port ")) die("the floor did not say its port");
  return static_cast<std::uint16_t>(std::strtoul(line.c_str() + 5, nullptr, 10));
}

}  // namespace

FloorProcess::FloorProcess(std::size_t sockets, std::size_t frame_bytes, std::size_t burst)
    : process_(
          {GATECAST_BENCH_FLOOR, "serve", std::to_string(sockets), std::to_string(frame_bytes), std::to_string(burst)},
          false),
      port_(port_said(process_)) {}

CloseFloor::CloseFloor(std::size_t sockets)
    : process_({GATECAST_BENCH_FLOOR, "close", std::to_string(sockets)}, false), port_(port_said(process_)) {}

void CloseFloor::wait_ready() {
  if (process_.read_line() != "ready") die("the floor is not ready");
}

LoopFloor::LoopFloor(std::vector<std::string> arguments)
    : process_(
          [&] {
            arguments.insert(arguments.begin(), GATECAST_BENCH_LOOP_FLOOR);
            return arguments;
          }(),
          false),
      port_(port_said(process_)) {}

AuthFloor::AuthFloor(const std::string& database)
    : process_({GATECAST_BENCH_AUTH_FLOOR, database}, false), port_(port_said(process_)) {}

void AuthFloor::set_group(double size) {
  process_.write(std::string(1, static_cast<char>(std::clamp(static_cast<int>(size + 0.5), 1, 64))));
}

void FloorProcess::wait_ready() {
  if (process_.read_line() != "ready") die("the floor is not ready");
}

}  // namespace gatecast::bench
