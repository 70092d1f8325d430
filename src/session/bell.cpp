#include "session/bell.hpp"

namespace gatecast::session {

std::vector<std::shared_ptr<Bell::Waiter>> Bell::take_all() {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiters_, {});
}

void Bell::ring() {
  rings_.fetch_add(1, std::memory_order_acq_rel);
  for (const auto& waiter : take_all()) waiter->go();
}

void Bell::close() {
  closed_.store(true, std::memory_order_release);
  for (const auto& waiter : take_all()) waiter->go();
}

Task<void> Bell::wait(std::uint64_t heard, Duration at_most) {
  Loop& loop = *Loop::current();
  Loop::TimerId timer = 0;
  std::shared_ptr<Waiter> mine;
  const auto start = [this, heard, at_most, &loop, &timer, &mine](Resume<bool> resume) {
    mine = std::make_shared<Waiter>(std::move(resume));
    {
      const std::lock_guard lock(mutex_);
      // Read under the lock: a ring or close before it is seen here, a later one finds the waiter.
      const bool worth = waiters_.size() < kWaitersMax && !closed() && rings() == heard;
      if (worth) {
        waiters_.push_back(mine);
        timer = loop.after(at_most, [waiter = mine] { waiter->go(); });
        return;
      }
    }
    mine->go();
  };
  static_cast<void>(co_await arrival<bool>(start));
  if (timer != 0) loop.cancel(timer);
  const std::lock_guard lock(mutex_);
  std::erase(waiters_, mine);
}

}  // namespace gatecast::session
