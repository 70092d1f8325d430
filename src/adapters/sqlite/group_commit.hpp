// Many operations, one flush: the transaction of everything that waits.
//
// Place: the writer thread's body. Threads: the writer's; the figures may be read from any. A group is BEGIN IMMEDIATE,
// the operations, COMMIT, and only then the answers. One that is refused leaves nothing of itself: where it had written
// already, which is rare, the group is undone and done again with each operation in a savepoint; savepoints for all
// would cost a copy of every page that is written. Where the transaction itself is lost – I/O, disk full, COMMIT
// refused – every operation of the group gets store_failed and the next group starts anew: a disk that was full needs
// no restart. Bounds: operations and working time of a group.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "adapters/sqlite/operation_queue.hpp"

namespace gatecast::sqlite {

class GroupCommit {
 public:
  GroupCommit(Database db, std::size_t group_ops, std::chrono::milliseconds group_work)
      : db_(std::move(db)), group_ops_(group_ops), group_work_(group_work) {}

  /// Commits `first` with what else waits in `queue`, and answers them all.
  void run(std::unique_ptr<Operation> first, OperationQueue& queue);

  struct Figures {
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> failed_commits{0};
    std::atomic<std::uint64_t> operations{0};
    std::atomic<std::uint64_t> group_ops_max{0};
  };
  const Figures& figures() const { return figures_; }

 private:
  Result<void> work_through(std::unique_ptr<Operation> first, OperationQueue& queue);
  Result<void> run_next(bool& guarded);
  Result<void> run_in_savepoint(Operation& operation);
  Result<void> commit();

  Database db_;
  const std::size_t group_ops_;
  const std::chrono::milliseconds group_work_;
  std::vector<std::unique_ptr<Operation>> group_;
  Figures figures_;
};

}  // namespace gatecast::sqlite
