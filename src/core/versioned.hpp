// A value that is exchanged as a whole while others read it without a lock.
//
// A reader gets the version of this moment and may hold it for as long as a call lasts: a version that was replaced is
// kept for kVersionLife, which no call outlives, and destroyed by a later `replace`. Threads: `get` any; `replace` one
// at a time. Bounds: what is replaced within kVersionLife; every replacement is an operator's deed.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "core/clock.hpp"

namespace gatecast {

/// Longer than any request or command: none of them waits for more than a few of its time-outs.
inline constexpr Duration kVersionLife = std::chrono::hours{1};

template <class T>
class Versioned {
 public:
  explicit Versioned(std::unique_ptr<T> first) : current_(first.get()) {
    versions_.push_back({std::move(first), SteadyTime::max()});
  }

  T& get() const { return *current_.load(std::memory_order_acquire); }

  void replace(std::unique_ptr<T> next, SteadyTime now) {
    std::erase_if(versions_, [now](const Version& v) { return v.until < now; });
    versions_.back().until = now + kVersionLife;
    current_.store(next.get(), std::memory_order_release);
    versions_.push_back({std::move(next), SteadyTime::max()});
  }

  std::size_t kept() const { return versions_.size(); }

 private:
  struct Version {
    std::unique_ptr<T> value;
    SteadyTime until;
  };
  std::atomic<T*> current_;
  std::vector<Version> versions_;
};

}  // namespace gatecast
