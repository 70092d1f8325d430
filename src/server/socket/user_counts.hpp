// How many connections each user has on all shards: what limits.user_connections bounds.
//
// A user's connections lie on whichever shard accepted them, so no shard alone can tell. Asked once a connect and once
// an end, and only where the limit is set; hence a lock will do. Threads: any. Bounds: one entry for each user
// connected.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace gatecast::server {

class UserCounts {
 public:
  /// Counts one more connection of the user; false, and nothing counted, where that would be more than `max`.
  bool enter(std::string_view user, std::uint64_t max);
  void leave(std::string_view user);

 private:
  std::mutex mutex_;
  boost::unordered_flat_map<std::string, std::uint64_t> counts_;
};

}  // namespace gatecast::server
