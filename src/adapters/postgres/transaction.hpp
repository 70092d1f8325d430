// Transactions, and statements outside of one, as operations use them.
//
// Place: between operations and Connection. Threads: the store's loop. A Transaction that is dropped without `commit`
// is rolled back. BEGIN goes with the first statements, COMMIT with the last ones: a transaction of two steps is two
// round trips. Isolation is read committed: each statement sees what was committed before it began, so whoever decides
// by a row locks it (FOR UPDATE, FOR SHARE) or writes conditionally.
// Locks are taken in one order, or transactions wait for each other in a ring: the user's row, its rows, and last what
// ends sessions (the control log's lock, sql_end.hpp).
// Errors: store_failed. A COMMIT whose answer was lost has perhaps landed: it is store_failed and is not repeated.
#pragma once

#include "adapters/postgres/engine.hpp"

namespace gatecast::postgres {

class Transaction {
 public:
  Transaction(Op op, Lease lease) : op_(op), lease_(std::move(lease)) {}

  /// One round trip. The first that fails is the error, and nothing but dropping the transaction is left.
  Task<Result<std::vector<Rows>>> run(Batch batch);
  template <class... Ts>
  Task<Result<Rows>> query(const Statement& statement, const Ts&... values) {
    return only(Batch().add(statement, values...));
  }
  /// The last statements, if any, and COMMIT in one round trip.
  Task<Result<std::vector<Rows>>> commit(Batch last = {});

  /// The store's clock, as of the first round trip, after which it is known.
  WallTime now() const { return now_; }
  const Failure& failure() const { return lease_->failure(); }
  bool is_committed() const { return committed_; }
  /// Has the whole transaction done again where it ends with an error, as after being in another one's way.
  void repeat() { repeat_ = true; }
  bool may_repeat() const;
  Op op() const { return op_; }

 private:
  Task<Result<Rows>> only(Batch batch);
  Task<Result<std::vector<Rows>>> send(Batch batch, bool last);

  Op op_;
  Lease lease_;
  WallTime now_{};
  bool begun_ = false;
  bool committing_ = false;
  bool committed_ = false;
  bool repeat_ = false;
};

inline constexpr int kTransactionAttempts = 8;

/// Calls `work(Transaction&)`, a Task<Result<T>>, and commits where it succeeded without having done so. Where another
/// transaction was in the way, or the connection was lost before COMMIT left, it is called again in a new one, a few
/// times and within the deadline: `work` leaves its request as it is.
template <class T, class Work>
Task<Result<T>> in_transaction(Op op, Work work) {
  for (int attempt = 1;; ++attempt) {
    Result<Lease> lease = co_await op.engine->pool().take(op.deadline);
    if (!lease) co_return lease.error();
    Transaction transaction(op, std::move(*lease));
    Result<T> done = co_await work(transaction);
    if (done && !transaction.is_committed()) {
      Result<std::vector<Rows>> committed = co_await transaction.commit();
      if (!committed) done = committed.error();
    }
    if (done || !transaction.may_repeat() || attempt >= kTransactionAttempts || op.is_late()) co_return done;
    ++op.engine->figures().retries;
  }
}

/// Statements that are a transaction of their own, in one round trip. Not repeated.
Task<Result<std::vector<Rows>>> run_alone(Op op, Batch batch);
Task<Result<Rows>> one_alone(Op op, Batch batch);
/// The same for what only reads: repeated where the connection was lost.
Task<Result<std::vector<Rows>>> run_reading(Op op, Batch batch);
Task<Result<Rows>> one_reading(Op op, Batch batch);

template <class... Ts>
Task<Result<Rows>> write(Op op, const Statement& statement, const Ts&... values) {
  return one_alone(op, Batch().add(statement, values...));
}
template <class... Ts>
Task<Result<Rows>> read(Op op, const Statement& statement, const Ts&... values) {
  return one_reading(op, Batch().add(statement, values...));
}

/// The store's clock inside a statement, where the value of `parameter` is Op::engine->test_now().
#define GATECAST_PG_NOW(parameter) \
  "coalesce(" parameter "::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)"

}  // namespace gatecast::postgres
