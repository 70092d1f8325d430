// The process as its operators see it: CPU, memory, descriptors, start; under the names that all exporters use.
//
// Place: beside the registry, read when `/metrics` or `/stats` is asked for and by the log's summary. Threads: any.
// Errors: what /proc does not tell is 0, and its series is left out.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace gatecast::metrics {

struct ProcessFacts {
  double cpu_seconds = 0;
  double started_at = 0;  // seconds since 1970
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;
};
ProcessFacts process_facts();

struct ProcessFamily {
  std::string_view name;
  bool counter = false;
  std::string_view help;
};
/// What `process_exposition` has, in its order; the last is the build.
inline constexpr std::array<ProcessFamily, 8> kProcessFamilies{{
    {"process_cpu_seconds_total", true, "CPU time taken, user and system."},
    {"process_start_time_seconds", false, "When the process started, in seconds since 1970."},
    {"process_resident_memory_bytes", false, "Memory of the process that is in RAM."},
    {"process_virtual_memory_bytes", false, "Address space of the process."},
    {"process_open_fds", false, "Open file descriptors."},
    {"process_max_fds", false, "File descriptors the process may have open."},
    {"process_threads", false, "Threads of the process."},
    {"gatecast_build_info", false, "1; its label `version` is the program's."},
}};

/// The process's series as Prometheus text, version 0.0.4.
std::string process_exposition(std::string_view version);

}  // namespace gatecast::metrics
