// How many lines a second one event may have; the rest of that second is a number.
//
// Place: before a line is rendered, so that a flood costs little. Threads: any. Bounds: kBurstEvents events are told
// apart, others share one count. The second is the wall clock's; a step of it begins another.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace gatecast::log {

inline constexpr std::size_t kBurstEvents = 127;

class Bursts {
 public:
  /// `lines` a second of one event; 0: all.
  explicit Bursts(std::uint32_t lines) : lines_(lines) {}

  /// Whether the event's line is to be written; where not, it is counted.
  bool admit(std::string_view event, std::int64_t second);
  /// Whether something was counted that `take` has not told.
  bool pending() const { return pending_.load(std::memory_order_relaxed); }
  /// Tells what was counted in seconds other than `now`, and forgets it.
  void take(std::int64_t now, const std::function<void(std::string_view event, std::uint64_t lines)>& fn);

 private:
  struct Slot {
    std::string event{};
    std::int64_t second = 0;
    std::uint64_t lines = 0;
    std::uint64_t left_out = 0;
  };
  Slot& slot_of(std::string_view event);

  const std::uint32_t lines_;
  std::atomic<bool> pending_{false};
  std::mutex mutex_{};
  std::array<Slot, kBurstEvents + 1> slots_{};  // filled from the front; the last is for all others
  std::size_t used_ = 0;
};

}  // namespace gatecast::log
