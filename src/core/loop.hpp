// One thread's event loop, as the layers above see it: the time, timers, and a way in for other threads.
//
// Place: implemented by net (epoll) and by ManualLoop (tests). Threads: `post` from any thread, everything else from
// the loop's own. Lifetime: a loop outlives every timer and every task started on it.
// Bounds: `post` is never refused; who posts bounds what it posts (a mailbox, a query queue).
#pragma once

#include <cstdint>
#include <functional>

#include "core/clock.hpp"

namespace gatecast {

class Loop {
 public:
  using Fn = std::move_only_function<void()>;
  using TimerId = std::uint64_t;  // 0 is no timer

  virtual ~Loop() = default;

  /// Runs `fn` on this loop's thread in a later turn. Any thread.
  virtual void post(Fn fn) = 0;
  /// Runs `fn` once, `delay` from now at the earliest.
  virtual TimerId after(Duration delay, Fn fn) = 0;
  /// Forgets a timer; one that has fired or is unknown is ignored.
  virtual void cancel(TimerId id) = 0;
  /// The steady time at the start of this turn.
  virtual SteadyTime now() const = 0;

  /// The loop that runs on this thread, or null.
  static Loop* current();

 protected:
  static void set_current(Loop* loop);
};

}  // namespace gatecast
