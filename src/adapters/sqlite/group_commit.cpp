#include "adapters/sqlite/group_commit.hpp"

#include "core/failpoint.hpp"
#include "metrics/registry.hpp"

namespace gatecast::sqlite {

void GroupCommit::run(std::unique_ptr<Operation> first, OperationQueue& queue) {
  const auto began = std::chrono::steady_clock::now();
  Result<void> done = work_through(std::move(first), queue);
  if (done) done = commit();
  // A COMMIT that failed may have left its transaction open; nothing of it may reach the next group. Where ROLLBACK
  // fails too, the next BEGIN is refused and says why.
  if (!done && db_.in_transaction()) static_cast<void>(db_.exec("ROLLBACK").has_value());

  ++(done ? figures_.commits : figures_.failed_commits);
  figures_.operations += group_.size();
  if (done) {
    metrics::count<"store_commits_total">();
    metrics::observe<"store_group_size">(static_cast<double>(group_.size()));
    metrics::observe<"store_commit_seconds">(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  } else {
    metrics::add<"store_failures_total">(group_.size(), done.error().code);
  }
  if (group_.size() > figures_.group_ops_max) figures_.group_ops_max = group_.size();
  for (auto& operation : group_) {
    GATECAST_FAILPOINT("store.before_answer");
    done ? operation->answer() : operation->refuse(done.error());
  }
  group_.clear();
}

Result<void> GroupCommit::work_through(std::unique_ptr<Operation> first, OperationQueue& queue) {
  group_.push_back(std::move(first));
  if (db_.in_transaction()) {
    if (auto undone = db_.exec("ROLLBACK"); !undone) return undone;
  }
  db_.forget_lost();
  if (auto begun = db_.run("BEGIN IMMEDIATE"); !begun) return begun.error();

  const auto until = std::chrono::steady_clock::now() + group_work_;
  bool guarded = false;
  for (;;) {
    if (auto done = run_next(guarded); !done) return done;
    if (group_.size() >= group_ops_ || std::chrono::steady_clock::now() >= until) return {};
    auto next = queue.try_pop();
    if (next == nullptr) return {};
    group_.push_back(std::move(next));
  }
}

/// Runs the last of the group. Where it is refused and has written, all of the group runs again, guarded from then on.
Result<void> GroupCommit::run_next(bool& guarded) {
  if (guarded) return run_in_savepoint(*group_.back());
  const std::uint64_t before = db_.total_changes();
  const bool succeeded = group_.back()->run(db_);
  if (db_.lost()) return *db_.lost();
  if (succeeded || db_.total_changes() == before) return {};
  guarded = true;
  if (auto undone = db_.run("ROLLBACK"); !undone) return undone.error();
  if (auto begun = db_.run("BEGIN IMMEDIATE"); !begun) return begun.error();
  for (auto& operation : group_) {
    if (auto done = run_in_savepoint(*operation); !done) return done;
  }
  return {};
}

/// Fails only where the group's transaction cannot go on.
Result<void> GroupCommit::run_in_savepoint(Operation& operation) {
  if (auto saved = db_.run("SAVEPOINT operation"); !saved) return saved.error();
  const bool succeeded = operation.run(db_);
  if (db_.lost()) return *db_.lost();
  if (!succeeded) {
    if (auto undone = db_.run("ROLLBACK TO operation"); !undone) return undone.error();
  }
  if (auto released = db_.run("RELEASE operation"); !released) return released.error();
  return {};
}

Result<void> GroupCommit::commit() {
  GATECAST_FAILPOINT("store.before_commit");
  if (auto committed = db_.run("COMMIT"); !committed) return committed.error();
  GATECAST_FAILPOINT("store.committed");
  return {};
}

}  // namespace gatecast::sqlite
