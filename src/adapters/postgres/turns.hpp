// Turns by name: of several operations on one user, one at a time, in the order in which they asked.
//
// Place: around transactions whose outcome is told in the order of the commits: the server's locks order the commits,
// but the answers of two connections may be read in any order. Orders this process alone; correctness between processes
// is the database's. Threads: the store's loop. Lifetime: outlives every Turn. Bounds: the store's operations.
// Who needs several names takes them in sorted order. Error: store_failed where the turn does not come in time.
#pragma once

#include <list>
#include <string>
#include <unordered_map>

#include "core/result.hpp"
#include "core/task.hpp"

namespace gatecast::postgres {

class Turns {
 public:
  class Turn {
   public:
    Turn(Turns* turns, std::string name) : turns_(turns), name_(std::move(name)) {}
    Turn(Turn&& o) noexcept : turns_(std::exchange(o.turns_, nullptr)), name_(std::move(o.name_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->end(name_);
    }

   private:
    Turns* turns_;
    std::string name_;
  };

  explicit Turns(Loop& loop) : loop_(loop) {}

  Task<Result<Turn>> take(std::string name, SteadyTime deadline) {
    const auto [at, fresh] = queues_.try_emplace(name);
    if (fresh) co_return Turn(this, std::move(name));
    co_return co_await arrival<Result<Turn>>([this, &queue = at->second, &name, deadline](Resume<Result<Turn>> resume) {
      wait(queue, name, std::move(resume), deadline);
    });
  }

 private:
  struct Waiting {
    Resume<Result<Turn>> resume;
    Loop::TimerId timer;
  };
  using Queue = std::list<Waiting>;  // of those who wait behind the one whose turn it is

  void wait(Queue& queue, const std::string& name, Resume<Result<Turn>> resume, SteadyTime deadline) {
    queue.push_back({std::move(resume), 0});
    auto place = std::prev(queue.end());
    const auto left = std::max(deadline - std::chrono::steady_clock::now(), Duration::zero());
    place->timer = loop_.after(left, [this, name, place] {
      auto late = std::move(place->resume);
      queues_[name].erase(place);
      late(fail(Errc::store_failed, "others of the same user took too long"));
    });
  }
  void end(const std::string& name) {
    auto at = queues_.find(name);
    if (at->second.empty()) {
      queues_.erase(at);
      return;
    }
    Waiting next = std::move(at->second.front());
    at->second.pop_front();
    loop_.cancel(next.timer);
    next.resume(Turn(this, name));
  }

  Loop& loop_;
  std::unordered_map<std::string, Queue> queues_;  // references stay where they are
};

}  // namespace gatecast::postgres
