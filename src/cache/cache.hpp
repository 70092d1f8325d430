// Short-lived facts that may be lost: counters with a window, values with a life.
//
// Place: used by limits and session; MemoryCache here, Redis as an adapter; both under one suite (cache/contract.hpp).
// Threads: called on a loop's thread, the task resumes there. Lifetime: the cache outlives the tasks it gave out.
// Errors: `temporarily_unavailable` when the cache is out of touch, `overloaded` when its queue is full or a value is
// over its bound. Nothing in a cache decides whether a proof was used: that is the store's, so losing the cache, or an
// entry to a bound, opens no replay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/task.hpp"

namespace gatecast::cache {

/// What `hit` counted. `retry_after` is zero up to the limit, and over it the time until the window ends.
struct Count {
  std::uint32_t count = 0;
  Duration retry_after{};
};

class Cache {
 public:
  virtual ~Cache() = default;

  /// Counts one hit in an exact fixed window, which the first hit of a key opens and which lasts `window`. The count
  /// stops at `limit` + 1. Fixed, since that is one atomic step in every cache: across the seam of two windows up to
  /// twice the limit may pass.
  virtual Task<Result<Count>> hit(std::string key, Duration window, std::uint32_t limit) = 0;
  /// Takes one hit of the key back while its window lasts; where there is none nothing happens.
  virtual Task<Result<void>> give_back(std::string key) = 0;
  /// The value put under `key`, while it lives. Counters and values of the same key do not touch.
  virtual Task<Result<std::optional<std::string>>> get(std::string key) = 0;
  /// Replaces the value and its life; a `ttl` of zero or less removes it.
  virtual Task<Result<void>> put(std::string key, std::string value, Duration ttl) = 0;
  /// Whether it has answered lately; any thread.
  virtual bool in_touch() const { return true; }
};

}  // namespace gatecast::cache
