// How often one client may call the routes of a rate class.
//
// Place: between server and cache; the counters are the cache's, so all nodes share them. Threads: any loop's thread;
// the task resumes there. Lifetime: outlives the tasks it gave out. Bounds: the cache's; the local counters' below.
// When the cache is out of touch: `strict` and `operators` are counted in this process alone (so a client has the
// figure once for each node), the other classes are allowed, since refusing honest traffic would do more harm than
// their floods.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "cache/memory.hpp"
#include "schema/routes.hpp"

namespace gatecast::limits {

/// At most `hits` in `window` for one client; 0 hits: no limit.
struct RateLimit {
  std::uint32_t hits = 0;
  std::chrono::seconds window{60};
};

struct RateLimits {
  RateLimit strict{30};     // sign-in and registration: a person needs a few, a guesser thousands
  RateLimit liberal{600};   // checks: ten a second
  RateLimit connect{300};   // upgrades: an office behind one address comes back at once
  RateLimit api{0};         // back ends hold an API key
  RateLimit operators{30};  // wrong tokens; good ones are given back
};

struct Verdict {
  bool allowed = true;
  std::chrono::seconds retry_after{0};  // at least 1 where not allowed
};

class RateLimiter {
 public:
  RateLimiter(cache::Cache& cache, const Clock& clock, RateLimits limits = {});

  /// Counts one call. `client_ip` is the address as the listener or a trusted proxy gave it; it is read before the
  /// task is returned.
  Task<Verdict> check(RateClass rate, std::string_view client_ip);
  /// Takes back what `check` counted: for calls that turned out to be an honest client's, so that many people behind
  /// one address do not shut each other out.
  Task<void> give_back(RateClass rate, std::string_view client_ip);

  std::uint64_t refused(RateClass rate) const { return refused_[index(rate)].load(std::memory_order_relaxed); }
  /// Calls that were judged without the cache.
  std::uint64_t degraded() const { return degraded_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kClasses = 6;
  static constexpr std::size_t index(RateClass rate) { return static_cast<std::size_t>(rate); }
  Task<void> give_back_key(std::string key);
  Task<Verdict> count(RateClass rate, RateLimit limit, std::string key);

  cache::Cache& cache_;
  cache::MemoryCache local_;
  std::array<RateLimit, kClasses> limits_;
  std::array<std::atomic<std::uint64_t>, kClasses> refused_{};
  std::atomic<std::uint64_t> degraded_{0};
};

}  // namespace gatecast::limits
