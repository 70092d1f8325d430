// The cache of one process.
//
// Place: the embedded default, and the limiter's stand-in while a shared cache is out of touch. Threads: any; each
// stripe of keys has a mutex, held for one look-up. Tasks end without being suspended.
// Bounds: entries and bytes, shared out evenly over the stripes. A full stripe first drops what has expired, then the
// entry that would expire first. A value (with its key) over a stripe's share of the bytes is refused `overloaded`.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "cache/cache.hpp"

namespace gatecast::cache {

struct MemoryBounds {
  std::size_t entries_max = 262'144;
  std::size_t bytes_max = 64 << 20;  // keys and values; the tables' own memory is about 200 B an entry on top
  std::size_t stripes = 16;
};

class MemoryCache final : public Cache {
 public:
  explicit MemoryCache(const Clock& clock, MemoryBounds bounds = {});

  Task<Result<Count>> hit(std::string key, Duration window, std::uint32_t limit) override;
  Task<Result<void>> give_back(std::string key) override;
  Task<Result<std::optional<std::string>>> get(std::string key) override;
  Task<Result<void>> put(std::string key, std::string value, Duration ttl) override;

  /// The same as `hit`, for callers that need no task.
  Count hit_now(std::string key, Duration window, std::uint32_t limit);
  /// The same as `give_back`.
  void give_back_now(std::string key);
  std::size_t entries() const;
  /// Entries dropped before their time because a stripe was full.
  std::uint64_t evictions() const;

 private:
  using Order = std::multimap<SteadyTime, const std::string*>;
  struct Entry {
    std::string value{};
    std::uint32_t count = 0;
    Order::iterator place{};
  };
  using Table = std::unordered_map<std::string, Entry>;
  struct Stripe {
    mutable std::mutex mutex;
    Table table;
    Order order;  // by expiry; points at the table's keys
    std::size_t bytes = 0;
    std::uint64_t evictions = 0;

    void erase(Table::iterator at);
    void drop_expired(SteadyTime now);
  };

  Stripe& stripe_of(const std::string& key);
  /// Makes room in a locked stripe, then an entry of `key` that lives until `expires`.
  Entry& insert(Stripe& stripe, std::string key, std::string value, SteadyTime expires);

  const Clock& clock_;
  std::size_t stripe_entries_max_;
  std::size_t stripe_bytes_max_;
  std::vector<std::unique_ptr<Stripe>> stripes_;
};

}  // namespace gatecast::cache
