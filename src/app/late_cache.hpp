// A cache that is there before what it stands on: the shared one belongs to a shard's loop, which begins later.
//
// Place: between Server and RedisCache. Threads: any. Lifetime: outlives its users; what is set outlives it.
// Errors: temporarily_unavailable until `set`, then the cache's.
#pragma once

#include <atomic>

#include "cache/cache.hpp"

namespace gatecast::app {

class LateCache final : public cache::Cache {
 public:
  void set(cache::Cache& cache) { cache_.store(&cache); }

  Task<Result<cache::Count>> hit(std::string key, Duration window, std::uint32_t limit) override {
    auto* cache = cache_.load();
    return cache == nullptr ? away<cache::Count>() : cache->hit(std::move(key), window, limit);
  }
  Task<Result<void>> give_back(std::string key) override {
    auto* cache = cache_.load();
    return cache == nullptr ? away<void>() : cache->give_back(std::move(key));
  }
  Task<Result<std::optional<std::string>>> get(std::string key) override {
    auto* cache = cache_.load();
    return cache == nullptr ? away<std::optional<std::string>>() : cache->get(std::move(key));
  }
  Task<Result<void>> put(std::string key, std::string value, Duration ttl) override {
    auto* cache = cache_.load();
    return cache == nullptr ? away<void>() : cache->put(std::move(key), std::move(value), ttl);
  }
  bool in_touch() const override {
    const auto* cache = cache_.load();
    return cache != nullptr && cache->in_touch();
  }

 private:
  template <class T>
  static Task<Result<T>> away() {
    co_return Result<T>(fail(Errc::temporarily_unavailable, "the cache is not connected yet"));
  }

  std::atomic<cache::Cache*> cache_{nullptr};
};

}  // namespace gatecast::app
