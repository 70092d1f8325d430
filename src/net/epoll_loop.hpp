// A shard's event loop: epoll, timers, posts from other threads, and a step at the end of every turn.
//
// Place: one a shard; the layers above see it as core's Loop. Threads: `post` and `stop` from any thread, the rest on
// the thread that runs it. A turn: ready descriptors, then posts, then due timers, then the turn's end (which flushes
// what the turn made); while the turn's end says there is more, the next turn does not wait.
// Bounds: at most 64 ready descriptors a turn. Errors: a kernel that refuses epoll or eventfd ends the process at
// start.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "core/loop.hpp"

namespace gatecast::net {

/// Who is told that a descriptor is ready.
class Ready {
 public:
  /// `events` are epoll's (EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP).
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~Ready() = default;
};

class EpollLoop final : public Loop {
 public:
  EpollLoop();
  ~EpollLoop() override;
  EpollLoop(const EpollLoop&) = delete;
  EpollLoop& operator=(const EpollLoop&) = delete;

  void post(Fn fn) override;
  TimerId after(Duration delay, Fn fn) override;
  void cancel(TimerId id) override;
  SteadyTime now() const override { return now_; }

  /// Level-triggered; false where the kernel refuses (out of memory or watches).
  bool watch(int fd, std::uint32_t events, Ready* who);
  void change(int fd, std::uint32_t events, Ready* who);
  /// An event of this turn may still be told: who was watched lives to the turn's end.
  void unwatch(int fd);

  /// Called at the end of every turn; returns true where work is left for the next.
  void at_turn_end(std::move_only_function<bool()> fn) { turn_end_ = std::move(fn); }

  /// Runs turns until `stop`.
  void run();
  void stop();
  /// Wakes a waiting loop. Any thread.
  void wake();

 private:
  void turn(bool wait);
  void run_posted();
  void run_due();
  int wait_ms(bool wait) const;

  int epoll_;
  int event_;
  SteadyTime now_;
  std::move_only_function<bool()> turn_end_;
  bool more_ = false;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> woken_{false};
  std::mutex mutex_;
  std::vector<Fn> posted_;
  std::vector<Fn> running_;
  struct Timer {
    TimerId id;
    Fn fn;
  };
  std::multimap<SteadyTime, Timer> timers_;
  std::unordered_map<TimerId, std::multimap<SteadyTime, Timer>::iterator> by_id_;
  TimerId last_id_ = 0;
};

}  // namespace gatecast::net
