// The clock of the serving process.
//
// In trees built with GATECAST_FAILPOINTS the variable GATECAST_CLOCK_SHIFT=seconds (negative ones too) sets its wall
// apart from the machine's, so that a test can run nodes whose clocks differ; in release builds it is the machine's.
// Threads: any.
#pragma once

#include "core/clock.hpp"

#ifdef GATECAST_FAILPOINTS
#include <cstdlib>
#endif

namespace gatecast {

#ifdef GATECAST_FAILPOINTS
class ProcessClock final : public Clock {
 public:
  WallTime wall() const override { return system_.wall() + shift_; }
  SteadyTime steady() const override { return system_.steady(); }

 private:
  static std::chrono::seconds shift() {
    const char* text = std::getenv("GATECAST_CLOCK_SHIFT");
    return std::chrono::seconds{text == nullptr ? 0 : std::strtol(text, nullptr, 10)};
  }
  const SystemClock system_{};
  const std::chrono::seconds shift_ = shift();
};
#else
using ProcessClock = SystemClock;
#endif

}  // namespace gatecast
