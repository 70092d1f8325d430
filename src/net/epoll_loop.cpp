#include "net/epoll_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace gatecast::net {
namespace {
// So few that what was read is answered while its socket is still in the processor's caches: with 512 an echo costs a
// tenth more.
constexpr int kReadyMax = 64;
// The wheel of deadlines turns at least this often on an idle shard.
constexpr int kWaitMsMax = 250;

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }
}  // namespace

EpollLoop::EpollLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  now_ = steady_now();
  epoll_event e{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ < 0 || event_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &e) != 0) std::abort();
}

EpollLoop::~EpollLoop() {
  close(event_);
  close(epoll_);
}

bool EpollLoop::watch(int fd, std::uint32_t events, Ready* who) {
  epoll_event e{.events = events, .data = {.ptr = who}};
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) == 0;
}

void EpollLoop::change(int fd, std::uint32_t events, Ready* who) {
  epoll_event e{.events = events, .data = {.ptr = who}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &e);
}

void EpollLoop::unwatch(int fd) { epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

void EpollLoop::post(Fn fn) {
  {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(fn));
  }
  wake();
}

void EpollLoop::wake() {
  // One write wakes the loop once however many posts arrive before it looks.
  if (woken_.exchange(true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] auto n = write(event_, &one, sizeof one);
}

Loop::TimerId EpollLoop::after(Duration delay, Fn fn) {
  auto it = timers_.emplace(steady_now() + delay, Timer{++last_id_, std::move(fn)});
  by_id_.emplace(last_id_, it);
  return last_id_;
}

void EpollLoop::cancel(TimerId id) {
  auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  timers_.erase(found->second);
  by_id_.erase(found);
}

int EpollLoop::wait_ms(bool wait) const {
  if (!wait) return 0;
  if (timers_.empty()) return kWaitMsMax;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - steady_now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, kWaitMsMax));
}

void EpollLoop::run_posted() {
  woken_.store(false);
  {
    std::lock_guard lock(mutex_);
    running_.swap(posted_);
  }
  for (auto& fn : running_) fn();
  running_.clear();
}

void EpollLoop::run_due() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    auto node = timers_.extract(timers_.begin());
    by_id_.erase(node.mapped().id);
    node.mapped().fn();
  }
}

void EpollLoop::turn(bool wait) {
  std::array<epoll_event, kReadyMax> ready;
  int n = epoll_wait(epoll_, ready.data(), kReadyMax, wait_ms(wait));
  now_ = steady_now();
  bool woken = false;
  for (int i = 0; i < n; ++i) {
    auto* who = static_cast<Ready*>(ready[static_cast<std::size_t>(i)].data.ptr);
    if (who != nullptr) {
      who->on_ready(ready[static_cast<std::size_t>(i)].events);
    } else {
      std::uint64_t count;
      [[maybe_unused]] auto r = read(event_, &count, sizeof count);
      woken = true;
    }
  }
  if (woken || woken_.load()) run_posted();
  run_due();
  more_ = turn_end_ && turn_end_();
}

void EpollLoop::run() {
  set_current(this);
  while (!stopped_.load()) turn(!more_);
  run_posted();
  set_current(nullptr);
}

void EpollLoop::stop() {
  stopped_.store(true);
  wake();
}

}  // namespace gatecast::net
