// A loop for tests and simulations: turns run when told, time moves when told.
//
// Threads: `post` from any thread; the rest from the one that made it. `run_until` waits for posts of other threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "core/loop.hpp"
#include "core/task.hpp"

namespace gatecast {

class ManualLoop final : public Loop {
 public:
  explicit ManualLoop(ManualClock& clock) : clock_(clock) { set_current(this); }
  ~ManualLoop() override { set_current(nullptr); }

  void post(Fn fn) override {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(fn));
    arrived_.notify_one();
  }
  TimerId after(Duration delay, Fn fn) override {
    timers_.emplace(clock_.steady() + delay, Timer{++last_id_, std::move(fn)});
    return last_id_;
  }
  void cancel(TimerId id) override {
    std::erase_if(timers_, [id](const auto& t) { return t.second.id == id; });
  }
  SteadyTime now() const override { return clock_.steady(); }

  /// Runs what is posted and due; returns whether anything ran.
  bool turn() {
    std::deque<Fn> batch;
    {
      std::lock_guard lock(mutex_);
      batch.swap(posted_);
    }
    bool ran = !batch.empty();
    for (auto& fn : batch) fn();
    while (!timers_.empty() && timers_.begin()->first <= now()) {
      auto node = timers_.extract(timers_.begin());
      node.mapped().fn();
      ran = true;
    }
    return ran;
  }
  void run_until_idle() {
    while (turn()) {
    }
  }
  void advance(Duration d) {
    clock_.advance(d);
    run_until_idle();
  }
  /// Turns until `task` has ended, waiting for other threads where nothing is due here.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    bool done = false;
    spawn(keep(std::move(task), out), [&done] { done = true; });
    while (!done) {
      if (turn()) continue;
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return !posted_.empty(); });
    }
    return std::move(*out);
  }

 private:
  struct Timer {
    TimerId id;
    Fn fn;
  };
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }

  ManualClock& clock_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Fn> posted_;
  std::multimap<SteadyTime, Timer> timers_;
  TimerId last_id_ = 0;
};

}  // namespace gatecast
