// When sessions were last used, noted in memory until the store is told.
//
// Place: Sessions notes on every call and connect and writes every few seconds. Threads: any; a mutex a stripe, held
// for one look-up. Bounds: `sessions_max`, shared out over the stripes; what is over it is dropped and counted, so a
// time in the store may lag, never a session be lost.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/clock.hpp"

namespace gatecast::session {

class LastSeen {
 public:
  using Seen = std::vector<std::pair<std::string, WallTime>>;

  explicit LastSeen(std::size_t sessions_max = 32'768)
      : stripe_max_(std::max<std::size_t>(1, sessions_max / kStripes)) {}

  /// False: over the bound, not noted.
  bool note(std::string_view sid, WallTime at);
  /// Everything noted since the last call.
  Seen take();
  /// Notes again what could not be written; a later time stays.
  void put_back(const Seen& seen);

 private:
  static constexpr std::size_t kStripes = 16;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Stripe {
    std::mutex mutex;
    std::unordered_map<std::string, WallTime, Hash, std::equal_to<>> seen;
  };

  std::size_t stripe_max_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace gatecast::session
