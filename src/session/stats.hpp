// What the session layer counts; exposition is the server's.
//
// Threads: any, relaxed atomics. None of them is touched by a call that is accepted, so they cost the data path
// nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "core/clock.hpp"
#include "schema/codes.hpp"

namespace gatecast::session {

class Stats {
 public:
  using Counter = std::atomic<std::uint64_t>;
  /// Upper bounds of the buckets of `revocation`, in microseconds; one more bucket has no bound.
  static constexpr std::array<std::int64_t, 9> kRevocationBoundsUs{100,    500,    1'000,   2'000,    5'000,
                                                                   10'000, 50'000, 100'000, 1'000'000};

  Counter sign_ins{0};
  Counter users_created{0};
  std::array<Counter, kErrcCount> refusals{};  // of sign-ins and of tokens, by code
  std::array<Counter, kErrcCount> endings{};   // that this process learnt of first, by reason
  Counter control_rows{0};                     // rows of the control log that were new here
  Counter control_failures{0};                 // reads of the control log that failed
  Counter asked_store{0};                      // tokens the index could not judge
  Counter asked_log{0};                        // the same, for which a new read of the control log sufficed
  Counter seen_dropped{0};                     // last_seen notes over the bound
  Counter hints_answered{0};                   // by other nodes, that they have read the control log
  Counter hints_unanswered{0};                 // in time
  Counter settled{0};                          // endings of which all nodes said that they know
  Counter settled_late{0};                     // those of which only time says so
  Counter reasserted{0};                       // endings that the store had lost and has again

  /// Commit returned → every on_ended returned; endings made here.
  std::array<Counter, kRevocationBoundsUs.size() + 1> revocation_buckets{};
  Counter revocation_sum_us{0};
  Counter revocation_max_us{0};

  static void add(Counter& counter, std::uint64_t n = 1) { counter.fetch_add(n, std::memory_order_relaxed); }
  void refused(Errc code) { add(refusals[static_cast<std::size_t>(code)]); }
  void ended(Errc reason) { add(endings[static_cast<std::size_t>(reason)]); }
  std::uint64_t refused_count(Errc code) const { return refusals[static_cast<std::size_t>(code)].load(); }
  std::uint64_t ended_count(Errc reason) const { return endings[static_cast<std::size_t>(reason)].load(); }

  void revoked(Duration took) {
    const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    std::size_t bucket = 0;
    while (bucket < kRevocationBoundsUs.size() && us > kRevocationBoundsUs[bucket]) ++bucket;
    add(revocation_buckets[bucket]);
    const auto whole = static_cast<std::uint64_t>(us);
    add(revocation_sum_us, whole);
    std::uint64_t max = revocation_max_us.load(std::memory_order_relaxed);
    while (whole > max && !revocation_max_us.compare_exchange_weak(max, whole, std::memory_order_relaxed)) {
    }
  }
};

}  // namespace gatecast::session
