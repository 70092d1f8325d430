// How many lines a second one event may have; the rest of that second is a number.
//
// Place: before a line is rendered, so that a flood costs little. Threads: any; no lock once an event is known.
// Bounds: kBurstEvents events are told apart, others share one count. The second is the wall clock's; a step of it
// begins another.
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
    std::string event{};                  // written before the table knows the slot, then only read
    std::atomic<std::uint64_t> lines{0};  // the second's low half above, its lines below
    std::atomic<std::uint64_t> left_out{0};
  };
  // Twice as many places as events, so that a search ends soon.
  static constexpr std::size_t kPlaces = 256;
  Slot& slot_of(std::string_view event);
  Slot& make_slot(std::string_view event, std::size_t place);

  const std::uint32_t lines_;
  std::atomic<bool> pending_{false};
  std::array<std::atomic<Slot*>, kPlaces> places_{};
  std::mutex making_{};
  std::array<Slot, kBurstEvents + 1> slots_{};  // filled from the front; the last is for all others
  std::size_t used_ = 0;                        // under making_
};

}  // namespace gatecast::log
