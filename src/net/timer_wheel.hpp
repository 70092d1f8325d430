// Deadlines of many connections: one deadline each, moved often, coarse.
//
// A wheel of 512 slots of 64 ms; a later deadline waits in its slot for the wheel to come round again. Setting, moving
// and forgetting cost a few pointer writes; a deadline fires at most one tick late. Threads: one shard.
#pragma once

#include <array>
#include <cstdint>

#include "core/clock.hpp"

namespace gatecast::net {

class TimerWheel;

/// What has a deadline: derive from it. Forgets its deadline on destruction.
class Timed {
 public:
  Timed() = default;
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  virtual void on_time() = 0;

 protected:
  ~Timed() { forget(); }
  void forget();
  bool has_deadline() const { return next_ != nullptr; }

 private:
  friend class TimerWheel;
  Timed* next_ = nullptr;
  Timed** at_ = nullptr;   // the pointer that points here
  std::uint32_t due_ = 0;  // tick
};

class TimerWheel {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(64);

  explicit TimerWheel(SteadyTime start);
  /// Sets or moves the deadline of `who`; it is told once.
  void set(Timed& who, SteadyTime due);
  /// Tells everyone whose deadline has passed. Whoever is told may set anew, forget others or be destroyed.
  void advance(SteadyTime now);

 private:
  static constexpr std::size_t kSlots = 512;
  class End final : public Timed {
    void on_time() override {}
  };
  void link(Timed& who, std::uint32_t slot);
  std::uint32_t tick_of(SteadyTime t) const;

  SteadyTime start_;
  std::uint32_t tick_ = 0;
  End end_;  // terminates every list, so that a linked node always has a next
  std::array<Timed*, kSlots> slots_;
};

}  // namespace gatecast::net
