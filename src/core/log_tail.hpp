// The end of the log, kept in memory for operators who look at it: a ring of the newest lines in their JSON form.
//
// Place: filled by the log's writer thread, read by whoever asks; who waits for more is the caller's business.
// Threads: any. Lifetime: the process; it goes on when another log is opened. Bounds: kTailLines lines and kTailBytes,
// the oldest go. Numbers rise by one a line, and from one run of the program to the next.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatecast::log {

inline constexpr std::size_t kTailLines = 2000;
inline constexpr std::size_t kTailBytes = 1024 * 1024;

struct TailLine {
  std::uint64_t seq = 0;
  std::string json{};  // one whole object
};

/// The lines after number `after`, oldest first, at most `limit`; with `after` 0, or one that was never given out,
/// the newest `limit`. A first number above `after + 1` says that lines between are gone.
std::vector<TailLine> tail(std::uint64_t after, std::size_t limit);
/// The number of the newest line; 0 before the first.
std::uint64_t tail_newest();

/// Takes a line in; the log's writer does.
void tail_push(std::string json);

}  // namespace gatecast::log
