// Establishes connections on a thread of its own: libpq waits for DNS, and for each of several hosts in turn.
//
// Place: between Pool and libpq. Threads: one of its own; `connect` and `stop` from any; answers are posted to the
// loop. Bounds: who asks has no more requests under way than connections. One attempt ends after the connect timeout a
// host. Errors: store_failed with libpq's words, in which no password stands.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "adapters/postgres/connection.hpp"
#include "adapters/postgres/url.hpp"
#include "core/loop.hpp"

namespace gatecast::postgres {

/// Connects now and here. `deadline`: the connect timeout where the URL says none.
Result<PgConn> connect_blocking(const Target& target, std::chrono::milliseconds deadline);

class Connector {
 public:
  using Done = std::move_only_function<void(Result<PgConn>)>;

  Connector(Loop& loop, Target target, std::chrono::milliseconds deadline);
  ~Connector() { stop(); }

  void connect(Done done);
  /// Waits for an attempt under way; the rest are forgotten.
  void stop();
  const Target& target() const { return target_; }

 private:
  void work();

  Loop& loop_;
  const Target target_;
  const std::chrono::milliseconds deadline_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Done> waiting_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace gatecast::postgres
