// Tells whoever waits that something may have happened: readers of the audit log need not ask it again and again.
//
// Place: rung after commits that the application hears of; event feed and webhooks wait on it. A ring says only that a
// look is worth while, so one too many costs a query and one too few the wait's bound. Owner: Server.
// Threads: `ring`, `rings`, `close` from any; `wait` on a loop, the task resumes there. Lifetime: outlives its waits;
// `close` ends them all. Bounds: kWaitersMax; beyond, `wait` ends at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/task.hpp"

namespace gatecast::session {

class Bell {
 public:
  static constexpr std::size_t kWaitersMax = 1024;

  void ring();
  std::uint64_t rings() const { return rings_.load(std::memory_order_acquire); }
  /// Ends when the bell has been rung since `heard` was read, when `at_most` is over, or when the bell is closed.
  Task<void> wait(std::uint64_t heard, Duration at_most);
  /// Every wait ends at once, now and later.
  void close();
  bool closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  /// One that waits; resumed once, by the ring or by its timer.
  struct Waiter {
    explicit Waiter(Resume<bool> r) : resume(std::move(r)) {}
    std::atomic<bool> taken{false};
    Resume<bool> resume;
    void go() {
      if (!taken.exchange(true)) resume(true);
    }
  };
  std::vector<std::shared_ptr<Waiter>> take_all();

  std::atomic<std::uint64_t> rings_{0};
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace gatecast::session
