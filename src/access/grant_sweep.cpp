#include "access/grant_sweep.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/log.hpp"

namespace gatecast::access {

GrantSweep::~GrantSweep() {
  if (running_ || timer_ != 0) std::abort();
}

void GrantSweep::start(Loop& loop) {
  loop_ = &loop;
  spawn(run());
}

bool GrantSweep::lower(WallTime at) {
  std::int64_t known = due_ms_.load();
  while (unix_ms(at) < known) {
    if (due_ms_.compare_exchange_weak(known, unix_ms(at))) return true;
  }
  return false;
}

void GrantSweep::note(WallTime at) {
  Loop* loop = loop_.load();
  if (lower(at) && loop != nullptr) loop->post([this] { arm(); });
}

void GrantSweep::arm() {
  if (running_ || stopping_) return;
  Loop& loop = *loop_.load();
  if (timer_ != 0) loop.cancel(std::exchange(timer_, 0));
  const std::int64_t due = due_ms_.load();
  if (due == INT64_MAX) return;
  // In milliseconds, cut before it becomes a Duration: in nanoseconds no year behind 2262 is that far away.
  constexpr auto kMost = std::chrono::duration_cast<std::chrono::milliseconds>(kLookEvery);
  // Never at once: where the store's clock is behind this one's, the same grant would be asked for again and again.
  const auto left = std::clamp(from_unix_ms(due) - clock_.wall(), std::chrono::milliseconds(1), kMost);
  timer_ = loop.after(left, [this] { on_time(); });
}

void GrantSweep::on_time() {
  timer_ = 0;
  if (unix_ms(clock_.wall()) < due_ms_.load()) return arm();
  spawn(run());
}

Task<void> GrantSweep::run() {
  running_ = true;
  co_await sweep();
  running_ = false;
  arm();
  if (waiting_.has_value()) (*std::exchange(waiting_, std::nullopt))(true);
}

Task<void> GrantSweep::sweep() {
  while (!stopping_) {
    due_ms_ = INT64_MAX;
    auto swept = co_await store_.sweep_grants(kGrantsAtOnce, landed_);
    if (!swept) {
      log::warn("grants_late", {{"code", info(swept.error().code).name}, {"detail", swept.error().detail}});
      static_cast<void>(lower(clock_.wall() + std::chrono::duration_cast<std::chrono::milliseconds>(kRetryAfter)));
      co_return;
    }
    // Where the store's clock is behind this one's, it is asked again after a while, not again and again.
    if (swept->next) {
      const WallTime now = clock_.wall();
      static_cast<void>(lower(*swept->next > now ? *swept->next : now + kAskAgainAfter));
    }
    if (swept->moved < kGrantsAtOnce) co_return;
  }
}

Task<void> GrantSweep::stop() {
  stopping_ = true;
  Loop* loop = loop_.load();
  if (loop != nullptr && timer_ != 0) loop->cancel(std::exchange(timer_, 0));
  if (running_) {
    co_await arrival<bool>([this](Resume<bool> resume) { waiting_.emplace(std::move(resume)); });
  }
}

}  // namespace gatecast::access
