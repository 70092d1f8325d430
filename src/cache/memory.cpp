#include "cache/memory.hpp"

#include <algorithm>
#include <functional>

namespace gatecast::cache {
namespace {

// First byte of a table's key: counters and values of one name are two entries.
constexpr char kCounter = 'c';
constexpr char kValue = 'v';

std::size_t share(std::size_t whole, std::size_t parts) { return std::max<std::size_t>(1, whole / parts); }

}  // namespace

MemoryCache::MemoryCache(const Clock& clock, MemoryBounds bounds) : clock_(clock) {
  const std::size_t stripes = std::max<std::size_t>(1, bounds.stripes);
  stripe_entries_max_ = share(bounds.entries_max, stripes);
  stripe_bytes_max_ = share(bounds.bytes_max, stripes);
  for (std::size_t i = 0; i < stripes; ++i) stripes_.push_back(std::make_unique<Stripe>());
}

void MemoryCache::Stripe::erase(Table::iterator at) {
  bytes -= at->first.size() + at->second.value.size();
  order.erase(at->second.place);
  table.erase(at);
}

void MemoryCache::Stripe::drop_expired(SteadyTime now) {
  while (!order.empty() && order.begin()->first <= now) erase(table.find(*order.begin()->second));
}

MemoryCache::Stripe& MemoryCache::stripe_of(const std::string& key) {
  return *stripes_[std::hash<std::string>{}(key) % stripes_.size()];
}

MemoryCache::Entry& MemoryCache::insert(Stripe& stripe, std::string key, std::string value, SteadyTime expires) {
  const std::size_t bytes = key.size() + value.size();
  while (!stripe.order.empty() &&
         (stripe.table.size() >= stripe_entries_max_ || stripe.bytes + bytes > stripe_bytes_max_)) {
    stripe.erase(stripe.table.find(*stripe.order.begin()->second));
    ++stripe.evictions;
  }
  auto [at, fresh] = stripe.table.try_emplace(std::move(key));
  at->second.value = std::move(value);
  at->second.place = stripe.order.emplace(expires, &at->first);
  stripe.bytes += bytes;
  return at->second;
}

Count MemoryCache::hit_now(std::string key, Duration window, std::uint32_t limit) {
  key.insert(key.begin(), kCounter);
  Stripe& stripe = stripe_of(key);
  const SteadyTime now = clock_.steady();
  std::lock_guard lock(stripe.mutex);
  stripe.drop_expired(now);
  auto at = stripe.table.find(key);
  Entry& entry = at != stripe.table.end() ? at->second : insert(stripe, std::move(key), {}, now + window);
  if (entry.count <= limit) ++entry.count;
  return {entry.count, entry.count <= limit ? Duration{} : entry.place->first - now};
}

Task<Result<Count>> MemoryCache::hit(std::string key, Duration window, std::uint32_t limit) {
  co_return hit_now(std::move(key), window, limit);
}

void MemoryCache::give_back_now(std::string key) {
  key.insert(key.begin(), kCounter);
  Stripe& stripe = stripe_of(key);
  std::lock_guard lock(stripe.mutex);
  stripe.drop_expired(clock_.steady());
  auto at = stripe.table.find(key);
  if (at != stripe.table.end() && at->second.count > 0) --at->second.count;
}

Task<Result<void>> MemoryCache::give_back(std::string key) {
  give_back_now(std::move(key));
  co_return Result<void>{};
}

Task<Result<std::optional<std::string>>> MemoryCache::get(std::string key) {
  key.insert(key.begin(), kValue);
  Stripe& stripe = stripe_of(key);
  std::lock_guard lock(stripe.mutex);
  stripe.drop_expired(clock_.steady());
  auto at = stripe.table.find(key);
  if (at == stripe.table.end()) co_return std::optional<std::string>{};
  co_return std::optional<std::string>{at->second.value};
}

Task<Result<void>> MemoryCache::put(std::string key, std::string value, Duration ttl) {
  key.insert(key.begin(), kValue);
  if (key.size() + value.size() > stripe_bytes_max_) co_return fail(Errc::overloaded, "cache value over its bound");
  Stripe& stripe = stripe_of(key);
  const SteadyTime now = clock_.steady();
  std::lock_guard lock(stripe.mutex);
  if (auto at = stripe.table.find(key); at != stripe.table.end()) stripe.erase(at);
  stripe.drop_expired(now);
  if (ttl <= Duration::zero()) co_return Result<void>{};
  insert(stripe, std::move(key), std::move(value), now + ttl);
  co_return Result<void>{};
}

std::size_t MemoryCache::entries() const {
  std::size_t sum = 0;
  for (const auto& stripe : stripes_) {
    std::lock_guard lock(stripe->mutex);
    sum += stripe->table.size();
  }
  return sum;
}

std::uint64_t MemoryCache::evictions() const {
  std::uint64_t sum = 0;
  for (const auto& stripe : stripes_) {
    std::lock_guard lock(stripe->mutex);
    sum += stripe->evictions;
  }
  return sum;
}

}  // namespace gatecast::cache
