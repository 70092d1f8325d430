// Reads of the control log for whoever needs one that began after they asked: many who ask share one.
//
// Place: inside Sessions, over what reads the log once. Threads: `fresh` from any loop, the task resumes there; reads
// are made one after another on the loop of `start`. Lifetime: `stop` is awaited before destruction. Bounds: those who
// wait are one call or question each. Errors: the reading's; `temporarily_unavailable` before `start`, `cancelled`
// after `stop`.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

#include "core/result.hpp"
#include "core/task.hpp"

namespace gatecast::session {

class ControlFeed {
 public:
  using Read = std::function<Task<Result<void>>()>;
  explicit ControlFeed(Read read) : read_(std::move(read)) {}
  ~ControlFeed();
  ControlFeed(const ControlFeed&) = delete;
  ControlFeed& operator=(const ControlFeed&) = delete;

  void start(Loop& loop) { loop_.store(&loop, std::memory_order_release); }
  /// Ends with a read that began after this call.
  Task<Result<void>> fresh();
  /// Ends when no read is under way; on the loop of `start`, or where there was none.
  Task<void> stop();

 private:
  void join(Resume<Result<void>> resume);
  Task<void> run();

  const Read read_;
  std::atomic<Loop*> loop_{nullptr};
  // Of the loop.
  std::vector<Resume<Result<void>>> waiting_;
  bool running_ = false;
  bool stopped_ = false;
  std::optional<Resume<bool>> stopping_;
};

}  // namespace gatecast::session
