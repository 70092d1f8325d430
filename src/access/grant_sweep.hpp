// Begins and ends grants when their time has come: sleeps until the next such moment that the store knows of.
//
// Place: inside Grants, over the store. Threads: everything on the loop that `start` was called on, but `note`: any.
// Lifetime: `stop` must have been awaited before destruction. Bounds: kGrantsAtOnce a transaction; a clock that is set
// forward is noticed within kLookEvery; while the store fails it is asked again every kRetryAfter.
#pragma once

#include <atomic>
#include <optional>

#include "core/clock.hpp"
#include "core/task.hpp"
#include "store/grants.hpp"

namespace gatecast::access {

class GrantSweep {
 public:
  static constexpr std::uint32_t kGrantsAtOnce = 256;
  static constexpr Duration kLookEvery = std::chrono::seconds(1);
  static constexpr Duration kRetryAfter = std::chrono::seconds(1);
  static constexpr std::chrono::milliseconds kAskAgainAfter{100};

  GrantSweep(store::GrantStore& store, const Clock& clock, store::GrantsLanded landed)
      : store_(store), clock_(clock), landed_(std::move(landed)) {}
  ~GrantSweep();
  GrantSweep(const GrantSweep&) = delete;
  GrantSweep& operator=(const GrantSweep&) = delete;

  /// What has become due while nobody looked is done first.
  void start(Loop& loop);
  Task<void> stop();
  /// A grant begins or ends then.
  void note(WallTime at);

 private:
  void arm();
  void on_time();
  Task<void> run();
  Task<void> sweep();
  bool lower(WallTime at);

  store::GrantStore& store_;
  const Clock& clock_;
  const store::GrantsLanded landed_;
  std::atomic<Loop*> loop_{nullptr};
  std::atomic<std::int64_t> due_ms_{INT64_MAX};
  Loop::TimerId timer_ = 0;
  bool running_ = false;
  bool stopping_ = false;
  std::optional<Resume<bool>> waiting_;
};

}  // namespace gatecast::access
