#include "server/nodes/sealed_cache.hpp"

namespace gatecast::server {

SealedCache::SealedCache(cache::Cache& cache, const std::vector<Secret>& keys) : cache_(cache) {
  for (const auto& key : keys) keys_.emplace_back(key, "gatecast kept answers");
}

Task<Result<cache::Count>> SealedCache::hit(std::string key, Duration window, std::uint32_t limit) {
  return cache_.hit(std::move(key), window, limit);
}

Task<Result<void>> SealedCache::give_back(std::string key) { return cache_.give_back(std::move(key)); }

Task<Result<std::optional<std::string>>> SealedCache::get(std::string key) {
  auto kept = co_await cache_.get(key);
  if (!kept.has_value() || !kept->has_value()) co_return kept;
  for (const auto& one : keys_) {
    if (auto opened = one.open(**kept, key)) co_return std::optional<std::string>(std::move(*opened));
  }
  co_return fail(Errc::temporarily_unavailable, "a kept answer is not sealed with a key known here");
}

Task<Result<void>> SealedCache::put(std::string key, std::string value, Duration ttl) {
  if (ttl <= Duration::zero()) co_return co_await cache_.put(std::move(key), {}, ttl);
  std::string sealed = keys_.front().seal(value, key);
  co_return co_await cache_.put(std::move(key), std::move(sealed), ttl);
}

}  // namespace gatecast::server
