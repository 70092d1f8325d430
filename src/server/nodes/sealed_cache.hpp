// A shared cache whose values only nodes of this deployment can read or make: answers may hold tokens.
//
// Place: between Idempotency and the nodes' common cache. Keys: of every session key; the first seals, all open, so
// that nodes understand each other while a key changes. Counters pass as they are. Threads: any. Lifetime: the cache
// outlives it, and it the tasks it gave out. Errors: the cache's; temporarily_unavailable for a value that does not
// open.
#pragma once

#include <vector>

#include "cache/cache.hpp"
#include "crypto/sealed.hpp"

namespace gatecast::server {

class SealedCache final : public cache::Cache {
 public:
  SealedCache(cache::Cache& cache, const std::vector<Secret>& keys);

  Task<Result<cache::Count>> hit(std::string key, Duration window, std::uint32_t limit) override;
  Task<Result<void>> give_back(std::string key) override;
  Task<Result<std::optional<std::string>>> get(std::string key) override;
  Task<Result<void>> put(std::string key, std::string value, Duration ttl) override;
  bool in_touch() const override { return cache_.in_touch(); }

 private:
  cache::Cache& cache_;
  std::vector<crypto::SealKey> keys_;
};

}  // namespace gatecast::server
