// How fast someone may go: so many a second, some at once, and how long going on too fast is put up with.
//
// The generic cell rate algorithm. All that is kept of someone is one word, `Debt`: the time at which what was taken
// would have been taken at the even pace. It is as far ahead of now as the debt is large, and needs no timer. What is
// refused costs half: a little too fast is served in part, more than twice too fast ends in `flood`.
// Pure values; a Debt belongs to one thread, a SharedDebt to any: several take from it without a lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/clock.hpp"

namespace gatecast::limits {

/// Nanoseconds of the steady clock; 0: nothing was ever taken.
using Debt = std::int64_t;
using SharedDebt = std::atomic<Debt>;

class Pace {
 public:
  enum class Verdict : std::uint8_t { pass, over, flood };

  /// `a_second` 0: no limit. `burst`: as many may come at once. `patience`: a debt that is as much larger than the
  /// burst's is a flood.
  Pace(std::uint32_t a_second, std::uint64_t burst, Duration patience)
      : each_(a_second == 0 ? 0 : std::max<Debt>(kSecond / a_second, 1)),
        burst_(each_ * static_cast<Debt>(std::min<std::uint64_t>(burst, kBurstMax))),
        patience_(patience.count()) {}

  bool limits() const { return each_ != 0; }

  /// Takes `cost` of what may be had now; where that is too much, `debt` grows by half of it.
  Verdict take(Debt& debt, SteadyTime now, std::uint32_t cost = 1) const {
    const auto next = after(debt, now, cost);
    debt = next.debt;
    return next.verdict;
  }
  Verdict take(SharedDebt& debt, SteadyTime now, std::uint32_t cost = 1) const {
    Debt seen = debt.load(std::memory_order_relaxed);
    for (;;) {
      const auto next = after(seen, now, cost);
      if (debt.compare_exchange_weak(seen, next.debt, std::memory_order_relaxed)) return next.verdict;
    }
  }
  /// Whether more than half of the burst is free again.
  bool calm(Debt debt, SteadyTime now) const { return debt - at(now) < burst_ / 2; }
  /// How long until one more may be taken.
  Duration wait(Debt debt, SteadyTime now) const {
    return Duration(std::max<Debt>(debt + each_ - burst_ - at(now), 0));
  }

 private:
  static constexpr Debt kSecond = 1'000'000'000;
  static constexpr std::uint64_t kBurstMax = 1'000'000'000;  // times a second each it still fits 63 bits
  struct Next {
    Debt debt;
    Verdict verdict;
  };

  static Debt at(SteadyTime now) { return now.time_since_epoch().count(); }
  Next after(Debt debt, SteadyTime now, std::uint32_t cost) const {
    const Debt begin = std::max(debt, at(now));
    const Debt price = each_ * static_cast<Debt>(cost);
    const Debt end = begin + price;
    if (end - at(now) <= burst_) return {end, Verdict::pass};
    const Debt owed = std::min(begin + price / 2, at(now) + burst_ + patience_);
    return {owed, owed == at(now) + burst_ + patience_ ? Verdict::flood : Verdict::over};
  }

  Debt each_;
  Debt burst_;
  Debt patience_;
};

}  // namespace gatecast::limits
