// Operations on their way from loops to a store thread, and their answers on the way back.
//
// Place: between SqliteStore's calls and its two threads. Threads: push from any, pop from the one that works; an
// answer is posted to the loop that awaits it. Bounds: the queue's size; a full or closed queue answers at once with
// `overloaded` or `cancelled`. Every operation is answered exactly once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "adapters/sqlite/database.hpp"
#include "core/task.hpp"
#include "metrics/registry.hpp"

namespace gatecast::sqlite {

class Operation {
 public:
  virtual ~Operation() = default;
  /// Does the work and keeps its result; true: it succeeded. May be called again after what it wrote was undone, so it
  /// leaves its request as it is.
  virtual bool run(Database& db) = 0;
  /// Gives the result kept.
  virtual void answer() = 0;
  /// Gives `error`, whatever the result was.
  virtual void refuse(const Error& error) = 0;
};

template <class T>
class TypedOperation final : public Operation {
 public:
  using Work = std::move_only_function<Result<T>(Database&)>;
  TypedOperation(Work work, Resume<Result<T>> resume) : work_(std::move(work)), resume_(std::move(resume)) {}

  bool run(Database& db) override {
    result_.emplace(work_(db));
    return result_->has_value();
  }
  void answer() override { resume_(std::move(*result_)); }
  void refuse(const Error& error) override { resume_(Result<T>(error)); }

 private:
  Work work_;
  Resume<Result<T>> resume_;
  std::optional<Result<T>> result_;
};

/// One whose result is told on the store's thread too, after the flush and in the order of the commits.
template <class T>
class LandingOperation final : public Operation {
 public:
  using Work = TypedOperation<T>::Work;
  using Landed = std::move_only_function<void(const T&)>;
  LandingOperation(Work work, Landed landed, Resume<Result<T>> resume)
      : work_(std::move(work)), landed_(std::move(landed)), resume_(std::move(resume)) {}

  bool run(Database& db) override {
    result_.emplace(work_(db));
    return result_->has_value();
  }
  void answer() override {
    if (*result_) landed_(**result_);
    resume_(std::move(*result_));
  }
  void refuse(const Error& error) override { resume_(Result<T>(error)); }

 private:
  Work work_;
  Landed landed_;
  Resume<Result<T>> resume_;
  std::optional<Result<T>> result_;
};

class OperationQueue {
 public:
  explicit OperationQueue(std::size_t bound) : bound_(bound) {}

  void push(std::unique_ptr<Operation> operation) {
    metrics::count<"store_operations_total">();
    std::unique_lock lock(mutex_);
    if (closed_ || waiting_.size() >= bound_) {
      const Errc code = closed_ ? Errc::cancelled : Errc::overloaded;
      lock.unlock();
      if (code == Errc::overloaded) ++refused_;
      operation->refuse(fail(code, "store queue"));
      return;
    }
    waiting_.push_back(std::move(operation));
    lock.unlock();
    arrived_.notify_one();
  }

  /// Waits for an operation; null: the queue is closed and empty.
  std::unique_ptr<Operation> wait_pop() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    return take();
  }
  /// An operation where one waits.
  std::unique_ptr<Operation> try_pop() {
    std::lock_guard lock(mutex_);
    return take();
  }
  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    arrived_.notify_all();
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  std::uint64_t refused() const { return refused_; }

 private:
  std::unique_ptr<Operation> take() {
    if (waiting_.empty()) return nullptr;
    auto first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
  }

  const std::size_t bound_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::unique_ptr<Operation>> waiting_;
  bool closed_ = false;
  std::atomic<std::uint64_t> refused_{0};
};

/// Awaits `work` done by the thread behind `queue`.
template <class T>
auto submit(OperationQueue& queue, typename TypedOperation<T>::Work work) {
  return arrival<Result<T>>([&queue, work = std::move(work)](Resume<Result<T>> resume) mutable {
    queue.push(std::make_unique<TypedOperation<T>>(std::move(work), std::move(resume)));
  });
}

/// The same, and `landed` is called with what landed.
template <class T>
auto submit(OperationQueue& queue, typename LandingOperation<T>::Work work,
            typename LandingOperation<T>::Landed landed) {
  return arrival<Result<T>>(
      [&queue, work = std::move(work), landed = std::move(landed)](Resume<Result<T>> resume) mutable {
        queue.push(std::make_unique<LandingOperation<T>>(std::move(work), std::move(landed), std::move(resume)));
      });
}

}  // namespace gatecast::sqlite
