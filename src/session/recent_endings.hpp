// The endings that this process has learnt of lately, so that one whose commit is undone can be written again.
//
// Place: inside Sessions. A store that fails over to a replica which lagged loses commits; what was told to users and
// nodes must not come back with them. Threads: any, by a mutex held for one insertion. Bounds: kMax, kKept; the oldest
// go.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "schema/codes.hpp"

namespace gatecast::session {

class RecentEndings {
 public:
  static constexpr std::size_t kMax = 65'536;
  static constexpr std::chrono::minutes kKept{10};

  struct One {
    std::string sid, user_id;
    Errc reason = Errc::signed_out;
    WallTime at{};
  };

  void add(One one, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    forget(now);
    if (all_.size() >= kMax) all_.pop_front();
    all_.push_back({std::move(one), now});
  }
  std::deque<One> all(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    forget(now);
    std::deque<One> out;
    for (const Noted& noted : all_) out.push_back(noted.one);
    return out;
  }

 private:
  struct Noted {
    One one;
    SteadyTime when;
  };
  void forget(SteadyTime now) {
    while (!all_.empty() && now - all_.front().when > kKept) all_.pop_front();
  }

  std::mutex mutex_;
  std::deque<Noted> all_;
};

}  // namespace gatecast::session
