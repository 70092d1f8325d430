// How many of something each address has: what bounds the places that one host can hold without having signed in.
//
// An IPv6 address counts as its /64, as in client_key.hpp. Owner: a shard; one thread. Bounds: one entry of 16 bytes
// for each address that has any.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string_view>

namespace gatecast::limits {

class Crowd {
 public:
  /// At most `most` for one address; 0: no limit.
  explicit Crowd(std::uint32_t most) : most_(most) {}

  bool limits() const { return most_ != 0; }
  /// Counts one more; false, and nothing counted, where that would be too many.
  bool enter(std::string_view ip);
  void leave(std::string_view ip);
  /// Addresses that have any.
  std::size_t addresses() const { return counts_.size(); }

 private:
  const std::uint32_t most_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> counts_;
};

}  // namespace gatecast::limits
