#include "adapters/postgres/transaction.hpp"

namespace gatecast::postgres {
namespace {

constexpr Statement kBegin{"begin", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"};
constexpr Statement kCommit{"commit", "COMMIT"};
constexpr Statement kNow{"now", "SELECT " GATECAST_PG_NOW("$1")};
constexpr int kReadAttempts = 3;

/// What stands before the first statement: gives how many answers are not its own.
std::size_t put_begin(Batch& batch, const Engine& engine, const Pool::Options& pool) {
  batch.insert_first(kNow, Params(engine.test_now()));
  if (!pool.prepared) batch.insert_first(settings_statement(), settings_values(pool, true));
  batch.insert_first(kBegin, Params());
  return pool.prepared ? 2 : 3;
}

void observe_commit(SteadyTime began) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  metrics::count<"store_commits_total">();
  metrics::observe<"store_commit_seconds">(took.count());
}

/// The answer to COMMIT: a transaction that had failed says ROLLBACK, without an error.
Result<void> committed(const Rows& answer, bool warned) {
  if (answer.tag() != "COMMIT") return fail(Errc::store_failed, "commit: the transaction had failed");
  if (warned) return fail(Errc::store_failed, "commit: with a warning, as of a standby that has not confirmed");
  return {};
}

Result<Rows> only_one(Result<std::vector<Rows>> rows) {
  if (!rows) return rows.error();
  if (rows->empty()) return fail(Errc::store_failed, "no answer");
  return std::move(rows->front());
}

// Behind a pooler the settings go with it: a statement that nobody waits for any more ends, and no function of another
// schema is taken for the server's.
Task<Result<std::vector<Rows>>> read_once(Op op, Lease lease, Batch batch, Failure& failure) {
  if (!op.engine->pool().options().prepared) {
    Transaction transaction(op, std::move(lease));
    auto answers = co_await transaction.commit(std::move(batch));
    failure = transaction.failure();
    co_return answers;
  }
  auto answers = co_await lease->run(std::move(batch), op.deadline);
  failure = lease->failure();
  co_return answers;
}

}  // namespace

bool Transaction::may_repeat() const {
  if (repeat_) return true;
  // What the server refused has no effect, even as the answer to COMMIT.
  return failure().lost ? !committing_ && !failure().timed_out : failure().in_the_way();
}

Task<Result<std::vector<Rows>>> Transaction::run(Batch batch) { return send(std::move(batch), false); }
Task<Result<std::vector<Rows>>> Transaction::commit(Batch last) { return send(std::move(last), true); }

Task<Result<Rows>> Transaction::only(Batch batch) {
  auto rows = co_await send(std::move(batch), false);
  co_return only_one(std::move(rows));
}

Task<Result<std::vector<Rows>>> Transaction::send(Batch batch, bool last) {
  if (batch.empty() && last && !begun_) {
    committed_ = true;
    co_return std::vector<Rows>{};
  }
  const std::size_t before = begun_ ? 0 : put_begin(batch, *op_.engine, op_.engine->pool().options());
  begun_ = true;
  const std::size_t wanted = batch.size() + (last ? 1 : 0);
  if (last) batch.add(kCommit);
  committing_ = last;
  const auto began = std::chrono::steady_clock::now();
  auto answers = co_await lease_->run(std::move(batch), op_.deadline);
  if (!answers) co_return answers;
  if (answers->size() != wanted) co_return fail(Errc::store_failed, "answers are missing");
  if (before > 0) now_ = (*answers)[before - 1].front().time(0);
  if (last) {
    auto landed = committed(answers->back(), lease_->warned());
    if (!landed) co_return landed.error();
    answers->pop_back();
    committed_ = true;
    ++op_.engine->figures().commits;
    observe_commit(began);
  }
  answers->erase(answers->begin(), answers->begin() + static_cast<std::ptrdiff_t>(before));
  co_return answers;
}

Task<Result<std::vector<Rows>>> run_alone(Op op, Batch batch) {
  auto lease = co_await op.engine->pool().take(op.deadline);
  if (!lease) co_return lease.error();
  if (!op.engine->pool().options().prepared) {
    // Behind a pooler settings last for a transaction only.
    Transaction transaction(op, std::move(*lease));
    co_return co_await transaction.commit(std::move(batch));
  }
  auto answers = co_await (*lease)->run(std::move(batch), op.deadline);
  if (answers && (*lease)->warned()) co_return fail(Errc::store_failed, "commit: with a warning");
  co_return answers;
}

Task<Result<Rows>> one_alone(Op op, Batch batch) {
  auto rows = co_await run_alone(op, std::move(batch));
  co_return only_one(std::move(rows));
}

Task<Result<std::vector<Rows>>> run_reading(Op op, Batch batch) {
  for (int attempt = 1;; ++attempt) {
    auto lease = co_await op.engine->pool().take(op.deadline, op.first);
    if (!lease) co_return lease.error();
    Failure failure;
    auto answers = co_await read_once(op, std::move(*lease), batch, failure);
    const bool again = !answers && failure.lost && !failure.timed_out;
    if (!again || attempt >= kReadAttempts || op.is_late()) co_return answers;
    ++op.engine->figures().retries;
  }
}

Task<Result<Rows>> one_reading(Op op, Batch batch) {
  auto rows = co_await run_reading(op, std::move(batch));
  co_return only_one(std::move(rows));
}

}  // namespace gatecast::postgres
