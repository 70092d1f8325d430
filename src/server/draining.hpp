// The server's going, in order: clients are told at moments spread over limits.drain_spread, requests are answered.
//
// Place: Server::stop makes it, with the flag `draining` set: /readyz says so, answers end their connections, upgrades
// are refused. Listeners take no new peer at once, and close only when every peer that the kernel had taken for us is
// served; a request on its way in the last call's time is answered. Threads: `clients` and `operators` block the main
// thread, the rest runs on the shards. Lifetime: until the shards have stopped. Bounds: limits.drain_time in all.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "core/clock.hpp"
#include "server/services.hpp"

namespace gatecast::server {

class Draining {
 public:
  /// `hurried`: nobody was served yet, nobody is waited for.
  Draining(Services& services, bool hurried);
  ~Draining();

  /// Ends when the clients have left or the time is up; says every second how many are left.
  void clients();
  /// The same of the operators' port, which serves until then.
  void operators();

 private:
  class Leaving;
  std::size_t left(Port port) const;
  void wait_until(SteadyTime until, const std::function<bool()>& done);
  void on_shards(const std::function<void(Leaving&)>& fn);

  Services& services_;
  const SteadyTime began_;
  const Duration last_call_;
  const Duration spread_;
  std::vector<std::unique_ptr<Leaving>> shards_;
};

}  // namespace gatecast::server
