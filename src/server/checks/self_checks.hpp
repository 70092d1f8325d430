// The running server's own checks: configuration, keys and machine on a thread of their own, its state where it is
// asked.
//
// Place: owned by Server; asked by the server API's `checks` and, at the start, by app for the log. Threads: `now`
// blocks, any thread; `ask` on any loop. One look at the machine runs at a time, and who asks meanwhile gets its
// outcome. Lifetime: `close` before the loops stop; it answers nobody any more and joins. Errors: none, checks say what
// is wrong.
#pragma once

#include <mutex>
#include <thread>
#include <vector>

#include "core/task.hpp"
#include "server/checks/checks.hpp"
#include "server/config/config.hpp"

namespace gatecast::server {

class SelfChecks {
 public:
  SelfChecks(Config config, const Clock& clock);
  ~SelfChecks() { close(); }

  /// Of configuration, keys and machine.
  Checks now() const;
  Task<Checks> ask();
  /// A reload has taken this configuration; what of it waits for a restart stays as it was at the start.
  void use(const Config& fresh);
  /// How much further the wall clock has moved since the start than time has passed.
  Duration clock_drift() const;
  void close();

 private:
  void look();

  const Clock& clock_;
  const WallTime wall_;
  const SteadyTime steady_;
  mutable std::mutex mutex_;  // over all below
  Config config_;
  std::vector<Resume<Checks>> waiting_;
  std::thread thread_;
  bool looking_ = false;
  bool closed_ = false;
};

}  // namespace gatecast::server
