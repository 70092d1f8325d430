// Generations of refresh tokens that clients are known to hold, noted in memory until the store is told.
//
// Place: Sessions notes when an old enough access token is seen, and writes every few seconds. Threads: any; a mutex a
// stripe, held for one look-up, and only for tokens older than the grace. Bounds: `sessions_max`; what is over it is
// dropped: a lost reply is then repeated for longer than it need be, never a session lost.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gatecast::session {

class KeptNotes {
 public:
  using Kept = std::vector<std::pair<std::string, std::uint64_t>>;

  explicit KeptNotes(std::size_t sessions_max = 65'536)
      : stripe_max_(std::max<std::size_t>(1, sessions_max / kStripes)) {}

  /// False: over the bound, not noted.
  bool note(std::string_view sid, std::uint64_t gen);
  /// The newest generation noted and not yet written; 0 where there is none.
  std::uint64_t known(std::string_view sid) const;
  /// Everything noted; it stays known until `forget`.
  Kept pending() const;
  /// Drops what has been written and has not moved on since.
  void forget(const Kept& written);

 private:
  static constexpr std::size_t kStripes = 16;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Stripe {
    mutable std::mutex mutex;
    std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> kept;
  };
  static std::size_t place(std::string_view sid) { return Hash{}(sid) % kStripes; }

  const std::size_t stripe_max_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace gatecast::session
