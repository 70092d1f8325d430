// Reads users' grants from the store, many users in one query: what comes while a query runs goes into the next one.
//
// Place: inside Grants, over the store; fills the cache. Threads: `read` on any loop, the task resumes there. Lifetime:
// outlives its reads. Bounds: kUsersAtOnce users a query; who waits is one connection or request each.
// Errors: the store's.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "access/held_cache.hpp"
#include "core/task.hpp"

namespace gatecast::access {

class HeldReader {
 public:
  static constexpr std::size_t kUsersAtOnce = 256;
  HeldReader(store::GrantStore& store, HeldCache& cache) : store_(store), cache_(cache) {}

  /// What the user holds; at least as new as every change that the cache had heard of when this was called.
  Task<Result<HeldRef>> read(std::string user_id);

 private:
  using Waiters = std::vector<Resume<Result<HeldRef>>>;
  using Batch = std::map<std::string, Waiters>;
  Batch take();
  Task<void> read_all();
  void answer(Batch& batch, Result<std::vector<store::UserGrants>> all);

  store::GrantStore& store_;
  HeldCache& cache_;
  std::mutex mutex_;
  Batch waiting_;
  bool running_ = false;
};

}  // namespace gatecast::access
