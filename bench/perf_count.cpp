#include "bench/perf_count.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "bench/process.hpp"

namespace gatecast::bench {

namespace {

/// `perf stat -x,` writes "count,unit,event,…" or "<not supported>,,event,…".
std::optional<std::uint64_t> parse_count(const std::string& path, std::string_view event) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.find(event) == std::string::npos || line.empty() || line[0] < '0' || line[0] > '9') continue;
    return std::strtoull(line.c_str(), nullptr, 10);
  }
  return std::nullopt;
}

}  // namespace

Counts count_while(pid_t pid, const std::function<void()>& work) {
  constexpr std::string_view kSystemCalls = "raw_syscalls:sys_enter";
  constexpr std::string_view kInstructions = "instructions:u";
  char path[] = "/tmp/gatecast-bench-perf-XXXXXX";
  const int fd = mkstemp(path);
  require(fd >= 0, "perf file");
  close(fd);
  // perf gives up altogether over an event it may not open, so each is asked for by a perf of its own.
  Counts counts;
  const auto run = [&](std::string_view event) -> std::optional<std::uint64_t> {
    Process perf({"perf", "stat", "-x,", "-o", path, "-e", std::string(event), "-p", std::to_string(pid)}, true);
    usleep(300'000);  // until it has attached
    if (!perf.running()) {
      unlink(perf.log_path().c_str());
      return std::nullopt;
    }
    work();
    perf.stop(SIGINT);
    unlink(perf.log_path().c_str());
    return parse_count(path, event);
  };
  counts.system_calls = run(kSystemCalls);
  counts.instructions = run(kInstructions);
  unlink(path);
  return counts;
}

std::string per(const std::optional<std::uint64_t>& count, std::uint64_t units) {
  if (!count) return "not available here";
  return fmt::format("{:.4g}", static_cast<double>(*count) / static_cast<double>(units));
}

}  // namespace gatecast::bench
