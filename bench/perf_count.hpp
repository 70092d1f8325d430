// System calls and user instructions of a process while something runs, by `perf stat`, where perf may.
//
// Times drift with the machine, these do not; but counting slows the counted, so it has a window of its own, apart from
// the one that is timed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace gatecast::bench {

struct Counts {
  std::optional<std::uint64_t> system_calls;
  std::optional<std::uint64_t> instructions;
};

/// Runs `work` and counts what `pid` did meanwhile.
Counts count_while(pid_t pid, const std::function<void()>& work);

/// "3.25", or "not available here".
std::string per(const std::optional<std::uint64_t>& count, std::uint64_t units);

}  // namespace gatecast::bench
