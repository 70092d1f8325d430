// After an ending was committed: tells the other nodes, and waits until none of them decides without it.
//
// Place: inside Sessions, over broker::Nodes. A node answers the question "control" once it has read the log; where all
// that are there have answered, all know. One that does not answer has lost its leave to decide when `leave_over` is
// gone since the commit, partitioned or not; so no wait takes longer.
// Threads: `settled` from any loop, the task resumes there; the rest on the loop of `start`. Lifetime: `stop` is
// awaited before destruction. Bounds: one question every kGather, which serves all who waited for it; who waits is one
// ending each. Errors: none: it is a matter of time.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "broker/nodes.hpp"
#include "core/task.hpp"
#include "session/broker_touch.hpp"
#include "session/stats.hpp"

namespace gatecast::session {

/// The kind of the question; its body says nothing, since word between nodes carries no authority.
inline constexpr std::string_view kControlQuestion = "control";

class Settling {
 public:
  static constexpr Duration kGather = std::chrono::milliseconds{5};

  struct Parts {
    broker::Nodes* nodes = nullptr;  // null: alone, nothing is waited for
    const Clock& clock;
    BrokerTouch& touch;
    Stats& stats;
    Duration leave_over{};
  };
  explicit Settling(Parts parts) : parts_(parts) {}
  ~Settling();
  Settling(const Settling&) = delete;
  Settling& operator=(const Settling&) = delete;

  void start(Loop& loop) { loop_.store(&loop, std::memory_order_release); }
  /// `committed`: a moment not before the commit.
  Task<void> settled(SteadyTime committed);
  /// Ends when nobody waits any more.
  Task<void> stop();

 private:
  struct Waiter {
    Resume<bool> resume;
    SteadyTime committed;
    Loop::TimerId timer = 0;
    bool done = false;
  };
  using Waiters = std::vector<std::shared_ptr<Waiter>>;

  void join(Resume<bool> resume, SteadyTime committed);
  void arm(const std::shared_ptr<Waiter>& waiter);
  void send();
  Task<void> ask(Waiters served);
  void finish(Waiter& waiter);
  void left();

  const Parts parts_;
  std::atomic<Loop*> loop_{nullptr};
  // Of the loop.
  Waiters pending_;  // for the next question
  SteadyTime sent_{};
  bool gathering_ = false;
  std::size_t open_ = 0;  // who waits, and questions under way
  std::optional<Resume<bool>> stopping_;
};

}  // namespace gatecast::session
