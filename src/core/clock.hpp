// Time: wall clock for what people and tokens see, steady clock for deadlines.
//
// Threads: clocks are read from any thread. Tests use ManualClock and never sleep.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace gatecast {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Seconds since 1970, rounded down: the form of `exp`, `iat`, `nbf`.
inline std::int64_t unix_seconds(WallTime t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}
inline WallTime from_unix_seconds(std::int64_t s) { return WallTime{std::chrono::seconds{s}}; }
inline std::int64_t unix_ms(WallTime t) { return t.time_since_epoch().count(); }
inline WallTime from_unix_ms(std::int64_t ms) { return WallTime{std::chrono::milliseconds{ms}}; }

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

/// A clock that moves only when told. Wall and steady move together; `step_wall` moves the wall alone, as NTP does.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime{std::chrono::seconds{1'800'000'000}}) : wall_ms_(unix_ms(start)) {}
  WallTime wall() const override { return from_unix_ms(wall_ms_.load()); }
  SteadyTime steady() const override { return SteadyTime{Duration{steady_ns_.load()}}; }
  void advance(Duration d) {
    steady_ns_ += d.count();
    wall_ms_ += std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  }
  void step_wall(std::chrono::milliseconds d) { wall_ms_ += d.count(); }

 private:
  std::atomic<std::int64_t> wall_ms_;
  std::atomic<std::int64_t> steady_ns_{1'000'000'000};
};

}  // namespace gatecast
