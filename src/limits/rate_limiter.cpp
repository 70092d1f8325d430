#include "limits/rate_limiter.hpp"

#include <algorithm>

#include "limits/client_key.hpp"

namespace gatecast::limits {
namespace {

// Enough for an attack from 65,536 networks while the shared cache is away; about 15 MB when full.
constexpr cache::MemoryBounds kLocalBounds{.entries_max = 65'536, .bytes_max = 8 << 20, .stripes = 16};

constexpr std::array<std::string_view, 6> kNames{"none", "liberal", "strict", "connect", "api", "operators"};

Verdict refusal(Duration wait) {
  const auto whole = std::chrono::ceil<std::chrono::seconds>(wait);
  return {false, std::max(whole, std::chrono::seconds{1})};
}

Task<Verdict> allowed() { co_return Verdict{}; }
Task<void> nothing() { co_return; }

std::string key_of(RateClass rate, std::string_view client_ip) {
  return fmt::format("rate:{}:{}", kNames[static_cast<std::size_t>(rate)], client_key(client_ip));
}

}  // namespace

RateLimiter::RateLimiter(cache::Cache& cache, const Clock& clock, RateLimits limits)
    : cache_(cache), local_(clock, kLocalBounds) {
  limits_[index(RateClass::strict)] = limits.strict;
  limits_[index(RateClass::liberal)] = limits.liberal;
  limits_[index(RateClass::connect)] = limits.connect;
  limits_[index(RateClass::api)] = limits.api;
  limits_[index(RateClass::operators)] = limits.operators;
}

Task<Verdict> RateLimiter::check(RateClass rate, std::string_view client_ip) {
  const RateLimit limit = limits_[index(rate)];
  if (limit.hits == 0) return allowed();
  return count(rate, limit, key_of(rate, client_ip));
}

Task<void> RateLimiter::give_back(RateClass rate, std::string_view client_ip) {
  if (limits_[index(rate)].hits == 0) return nothing();
  return give_back_key(key_of(rate, client_ip));
}

Task<void> RateLimiter::give_back_key(std::string key) {
  // Counted in one of the two, or in the cache before it was lost: to count an honest call is the lesser harm.
  const auto given = co_await cache_.give_back(key);
  if (!given.has_value()) local_.give_back_now(std::move(key));
}

Task<Verdict> RateLimiter::count(RateClass rate, RateLimit limit, std::string key) {
  Result<cache::Count> shared = co_await cache_.hit(key, limit.window, limit.hits);
  cache::Count counted;
  if (shared.has_value()) {
    counted = *shared;
  } else {
    degraded_.fetch_add(1, std::memory_order_relaxed);
    if (rate != RateClass::strict && rate != RateClass::operators) co_return Verdict{};
    counted = local_.hit_now(std::move(key), limit.window, limit.hits);
  }
  if (counted.count <= limit.hits) co_return Verdict{};
  refused_[index(rate)].fetch_add(1, std::memory_order_relaxed);
  co_return refusal(counted.retry_after);
}

}  // namespace gatecast::limits
