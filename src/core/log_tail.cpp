#include "core/log_tail.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>

namespace gatecast::log {
namespace {

struct Ring {
  std::mutex mutex{};
  std::deque<TailLine> lines{};
  std::size_t bytes = 0;
  std::uint64_t newest = 0;
};
Ring& ring() {
  // Never destroyed: the log is written to while the process ends.
  static Ring& r = *new Ring;
  return r;
}

/// Who follows the log over a restart goes on: no run writes a thousand lines a millisecond.
std::uint64_t first_number() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) * 1000;
}

}  // namespace

void tail_push(std::string json) {
  auto& r = ring();
  std::lock_guard lock(r.mutex);
  r.newest = r.newest == 0 ? first_number() : r.newest + 1;
  r.bytes += json.size();
  r.lines.push_back({r.newest, std::move(json)});
  while (r.lines.size() > kTailLines || (r.bytes > kTailBytes && r.lines.size() > 1)) {
    r.bytes -= r.lines.front().json.size();
    r.lines.pop_front();
  }
}

std::vector<TailLine> tail(std::uint64_t after, std::size_t limit) {
  auto& r = ring();
  std::lock_guard lock(r.mutex);
  const std::size_t held = r.lines.size();
  std::size_t skip = held - std::min(held, limit);
  if (after != 0 && after <= r.newest) {
    const std::uint64_t oldest = held == 0 ? r.newest + 1 : r.lines.front().seq;
    skip = after < oldest ? 0 : static_cast<std::size_t>(after - oldest) + 1;
  }
  std::vector<TailLine> out;
  for (std::size_t i = skip; i < held && out.size() < limit; ++i) out.push_back(r.lines[i]);
  return out;
}

std::uint64_t tail_newest() {
  auto& r = ring();
  std::lock_guard lock(r.mutex);
  return r.newest;
}

}  // namespace gatecast::log
