// A name in the store that one of several nodes holds at a time, for work that is done once.
//
// Place: under webhooks; over Store::lease. It counts as held a deadline of the store's less than the store keeps it,
// so that what is written while it is held lands before another can have it. Threads: one loop's. Lifetime: `give_back`
// lets the next node begin at once; without it the lease runs out. Errors: none: a store that does not answer renews
// nothing.
#pragma once

#include <cstdint>
#include <string>

#include "core/clock.hpp"
#include "store/store.hpp"

namespace gatecast::session {

class Lease {
 public:
  static constexpr std::chrono::seconds kLife{15};
  static constexpr std::chrono::seconds kRenewEvery{5};
  static constexpr std::chrono::seconds kMargin{5};

  /// An empty `holder` has no others beside it: the lease is always held and never written.
  Lease(store::Store& store, const Clock& clock, std::string name, std::string holder)
      : store_(store), clock_(clock), name_(std::move(name)), holder_(std::move(holder)) {}

  bool held() const { return holder_.empty() || clock_.steady() < until_; }
  /// Another one where it was not held in between: others may have had it.
  std::uint64_t term() const { return term_; }
  /// Takes or renews it where it is time to; whether it is held.
  Task<bool> keep();
  Task<void> give_back();

 private:
  store::Store& store_;
  const Clock& clock_;
  const std::string name_;
  const std::string holder_;
  SteadyTime until_{};
  SteadyTime renewed_{};
  std::uint64_t term_ = 0;
};

}  // namespace gatecast::session
