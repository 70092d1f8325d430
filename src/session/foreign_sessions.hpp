// Sessions of trusted issuers: who was seen here, and what an operator has ended on any node.
//
// Place: inside Sessions, beside the revocation index; of what was ended the control log tells, also after a start.
// Threads: any; readers share a lock that writers hold for one insertion. A session is ended until its token is over;
// of one that was never seen here, for kUnseenFor.
// Bounds: 100,000 seen (over it they are not noted), 100,000 ended. Errors: overloaded.
#pragma once

#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace gatecast::session {

class ForeignSessions {
 public:
  static constexpr std::size_t kMax = 100'000;
  static constexpr std::chrono::hours kUnseenFor{30 * 24};

  explicit ForeignSessions(std::size_t max = kMax) : max_(max) {}

  /// `until`: from when no token of the session is good any more.
  void note(const std::string& sid, const std::string& user_id, WallTime until);
  /// Why it was ended, where it was.
  std::optional<Errc> ended(std::string_view sid, WallTime now) const;
  struct Known {
    std::string user_id{};  // empty: never seen here
    Errc reason = Errc::signed_out;
    bool now = false;  // false: it had been ended before, for that reason
  };
  Result<Known> end(const std::string& sid, Errc reason, WallTime at);
  /// What `end` would give; nothing changes.
  Result<Known> would_end(const std::string& sid, Errc reason) const;
  /// Forgets what is over.
  void reclaim(WallTime now);

  std::size_t seen_count() const;
  std::size_t ended_count() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Seen {
    std::string user_id;
    WallTime until;
  };
  struct Ended {
    Errc reason;
    WallTime until;
  };
  template <class T>
  using Table = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  Result<Known> judge(const std::string& sid, Errc reason) const;

  const std::size_t max_;
  mutable std::shared_mutex mutex_;
  Table<Seen> seen_;
  Table<Ended> ended_;
};

}  // namespace gatecast::session
