// Which sessions have ended, for as long as an access token of theirs may still be shown.
//
// Place: asked for every call and connect by Sessions, filled by endings made here and read from the control log.
// Threads: `standing` from any thread without a lock or a wait; writers take turns by a mutex.
// How: an open-addressing table of atomics, keyed by a 128-bit keyed hash of the sid. A key is sought in kProbe slots
// from its home. An entry never moves within a table, so no reader can miss it. Growing builds a table of twice the
// size and publishes its pointer; old tables are kept until the index is destroyed (together less than the last one),
// since a reader may still hold them. Bounds: `entries_max`; over it the entry that would go first goes. Every ending
// the index does not hold lies below the *floor*, and of tokens issued up to the floor it says `ask_store`: also when
// the clock is set back after entries went. It says so of all tokens before `complete_since`, and of those that live
// longer than `token_life`.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <queue>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "schema/codes.hpp"
#include "session/sip_hash.hpp"

namespace gatecast::session {

/// What the index knows of a token's session.
struct Standing {
  enum class Kind : std::uint8_t { standing, ended, ask_store };
  Kind kind = Kind::standing;
  Errc reason = Errc::signed_out;  // where ended
};

/// How far clocks of issuing and ending nodes may differ without an ending being overlooked.
inline constexpr std::chrono::seconds kClockSkewMax{60};

class RevocationIndex {
 public:
  struct Options {
    std::chrono::seconds token_life{1800};  // the longest life of an access token
    std::size_t entries_max = 1'000'000;    // about 130 MB when full
    std::size_t slots_at_start = 16'384;    // a power of two
  };
  enum class Added : std::uint8_t { added, known, expired };

  explicit RevocationIndex(const Options& options);
  ~RevocationIndex();
  RevocationIndex(const RevocationIndex&) = delete;
  RevocationIndex& operator=(const RevocationIndex&) = delete;

  /// `issued`, `expires`: the token's iat and exp, in seconds.
  Standing standing(std::string_view sid, std::int64_t issued, std::int64_t expires) const;

  /// Notes an ending; the first reason stays. `expired`: no token of that session can be alive, nothing is kept.
  Added add(std::string_view sid, Errc reason, WallTime ended_at, WallTime now);
  /// The index has been given every ending at or after `since`: from here on it decides about tokens issued later than
  /// `since` + kClockSkewMax. Until then the store decides about all.
  void complete_since(WallTime since);
  /// Drops the entries whose sessions' last access tokens have expired.
  void reclaim(WallTime now);

  std::size_t entries() const;
  std::size_t slots() const;
  /// Tokens issued at or before this are for the store to judge (seconds).
  std::int64_t floor() const { return floor_.load(std::memory_order_acquire); }

 private:
  struct Slot;
  struct Table;
  struct Due {
    std::int64_t until;  // seconds
    Hash128 hash;
    bool operator>(const Due& other) const { return until > other.until; }
  };

  Hash128 hash_of(std::string_view sid) const;
  Slot* find(const Hash128& hash) const;
  void erase(const Hash128& hash);
  void insert(const Hash128& hash, std::uint64_t meta);
  void grow();
  void drop_first();
  void raise_floor(std::int64_t to);
  std::int64_t floor_without(std::int64_t until) const;

  const Options options_;
  const SipKey key_;
  std::atomic<Table*> table_{nullptr};
  std::atomic<std::int64_t> floor_;
  std::int64_t dropped_floor_;  // the part of the floor that dropped entries made
  mutable std::mutex writer_;
  std::vector<std::unique_ptr<Table>> tables_;  // the last one is current
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::size_t entries_ = 0;
};

}  // namespace gatecast::session
