// Whether the other nodes know of this one and this one of them, as far as its word through the broker shows.
//
// Place: inside Sessions. A node that the others do not know of must not decide by itself, and one that may not know of
// all must not take the answers of those it knows for everybody's. Both need word that has come back for a while: then
// every node in the same state has heard of this one, and this one of it.
// Threads: any. Lifetime: the nodes outlive it.
#pragma once

#include <atomic>

#include "broker/nodes.hpp"
#include "core/clock.hpp"

namespace gatecast::session {

class BrokerTouch {
 public:
  /// Two heartbeats: after the first that comes back, everyone's next one has been heard.
  static constexpr Duration kSettled = 2 * broker::Nodes::kHeartbeatEvery;

  explicit BrokerTouch(const broker::Nodes* nodes) : nodes_(nodes) {}

  /// Word may have been lost: counts anew.
  void lost() { since_ns_.store(0, std::memory_order_release); }
  /// Asked every few hundred milliseconds, so that what comes and goes is noticed.
  bool held(SteadyTime now) {
    if (nodes_ == nullptr) return true;
    if (!nodes_->in_touch()) {
      lost();
      return false;
    }
    const std::int64_t at = now.time_since_epoch().count();
    std::int64_t since = 0;
    if (since_ns_.compare_exchange_strong(since, at)) return false;
    return Duration{at - since} >= kSettled;
  }

 private:
  const broker::Nodes* const nodes_;
  std::atomic<std::int64_t> since_ns_{0};  // steady time; 0: out of touch
};

}  // namespace gatecast::session
