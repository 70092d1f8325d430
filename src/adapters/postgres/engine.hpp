// What the operations of the store work with: the store's thread, its connections, its clock.
//
// Place: owned by PostgresStore; operations (operations.hpp) are coroutines on its loop. Threads: `submit`, `stop` and
// the figures from any; the rest from the store's thread. Lifetime: stopped before the loops that wait on it go away.
// Bounds: `queue_ops` operations under way or waiting; one more is `overloaded`; each ends by its deadline.
#pragma once

#include <atomic>
#include <thread>

#include "adapters/postgres/pool.hpp"
#include "adapters/postgres/turns.hpp"
#include "metrics/registry.hpp"

namespace gatecast::postgres {

class Engine;

/// One operation: where it works, and until when.
struct Op {
  Engine* engine;
  SteadyTime deadline;
  /// Its reads get the next free connection: word of endings must not wait behind what a crowd asks for.
  bool first = false;
  /// For the next part of long work.
  Op renewed() const;
  bool is_late() const { return std::chrono::steady_clock::now() >= deadline; }
};

class Engine {
 public:
  struct Options {
    std::uint32_t connections = 10;
    std::chrono::milliseconds deadline{5000};
    std::size_t queue_ops = 4096;
    const Clock* clock = nullptr;  // the store's; null: the database's
  };

  Engine(Target target, const Options& options);
  ~Engine() { stop(); }

  /// Refuses new operations (`cancelled`), waits for those under way, closes the connections. May be called twice.
  void stop();
  /// What goes on for long ends at its next part.
  bool stopping() const { return stopping_; }

  /// Awaits `work(Op)`, a Task<Result<T>>, done on the store's thread. What `work` refers to outlives it, as the
  /// awaiting coroutine's own variables do.
  template <class T, class Work>
  auto submit(Work work) {
    return arrival<Result<T>>([this, work = std::move(work)](Resume<Result<T>> resume) mutable {
      metrics::count<"store_operations_total">();
      ++figures_.operations;
      if (const auto refused = admit()) {
        metrics::count<"store_failures_total">(*refused);
        return resume(fail(*refused, "store queue"));
      }
      const Op op{this, std::chrono::steady_clock::now() + options_.deadline};
      loop_.post([op, work = std::move(work), resume = std::move(resume)]() mutable {
        spawn(drive<T, Work>(op, std::move(work), std::move(resume)));
      });
    });
  }

  Pool& pool() { return pool_; }
  Turns& turns() { return turns_; }
  const Options& options() const { return options_; }
  /// The time that Options::clock says; none: the database is asked.
  std::optional<WallTime> test_now() const;
  const Target& target() const { return connector_.target(); }

  struct Figures {
    std::atomic<std::uint64_t> operations{0}, failures{0}, refused{0}, commits{0}, retries{0};
  };
  Figures& figures() { return figures_; }
  std::uint64_t in_flight() const { return in_flight_; }

 private:
  template <class T, class Work>
  static Task<void> drive(Op op, Work work, Resume<Result<T>> resume) {
    Result<T> done = co_await work(op);
    if (!done) op.engine->note_failure(done.error());
    // The answer goes out before the operation counts as over: `stop` has then sent every answer.
    resume(std::move(done));
    op.engine->leave();
  }
  std::optional<Errc> admit();
  void leave();
  void note_failure(const Error& error);
  void run();

  const Options options_;
  net::EpollLoop loop_;
  Connector connector_;
  Pool pool_;
  Turns turns_;
  Figures figures_;
  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

inline Op Op::renewed() const { return {engine, std::chrono::steady_clock::now() + engine->options().deadline, first}; }

}  // namespace gatecast::postgres
