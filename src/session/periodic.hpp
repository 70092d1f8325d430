// One piece of work, done again and again on one loop: the pause begins when the work has ended.
//
// Threads: the loop's that `start` was called on. Lifetime: `stop` must have been awaited before destruction; a run
// that is still under way then would use what is gone, so that aborts.
#pragma once

#include <functional>
#include <optional>

#include "core/task.hpp"

namespace gatecast::session {

class Periodic {
 public:
  using Work = std::function<Task<void>()>;
  Periodic(Duration every, Work work) : every_(every), work_(std::move(work)) {}
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

  /// The first run is one pause from now. Once; called on the loop.
  void start(Loop& loop);
  /// No run begins any more; ends when a run under way has ended. May be called where nothing was started.
  Task<void> stop();

 private:
  void arm();
  Task<void> run();

  const Duration every_;
  const Work work_;
  Loop* loop_ = nullptr;
  Loop::TimerId timer_ = 0;
  bool running_ = false;
  bool stopping_ = false;
  std::optional<Resume<bool>> waiting_;
};

}  // namespace gatecast::session
