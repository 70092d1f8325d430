// A child program: started with pipes, watched from outside, ended with its owner.
//
// Place: under floor_process, server_process, perf_count. Threads: one. Lifetime: the destructor ends the child; a
// child also dies when the benchmark does. Errors: a benchmark that cannot go on says why and exits with 2 (`die`).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatecast::bench {

[[noreturn]] void die(std::string_view why);
/// Dies with `what` and errno's text unless `good`.
void require(bool good, std::string_view what);

/// CLOCK_MONOTONIC in nanoseconds: one time line for all processes.
std::int64_t now_ns();

/// A TCP port of 127.0.0.1 that was free a moment ago.
std::uint16_t free_port();

class Process {
 public:
  /// `quiet` sends its stdout and stderr to a file in the temporary folder, named in `log_path`; otherwise stdout is a
  /// pipe and stderr the benchmark's own.
  Process(const std::vector<std::string>& arguments, bool quiet);
  ~Process() { stop(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  /// User and system time of all its threads so far.
  std::chrono::nanoseconds cpu() const;
  /// Its share of memory as the kernel counts it (smaps_rollup).
  std::uint64_t pss_bytes() const;

  void write(std::string_view bytes);
  /// The next line of its stdout, without the line end; dies where there is none.
  std::string read_line();
  const std::string& log_path() const { return log_path_; }

  /// `signal_number`, then up to 10 s, then SIGKILL.
  void stop(int signal_number = 15);

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  std::string log_path_;
};

}  // namespace gatecast::bench
