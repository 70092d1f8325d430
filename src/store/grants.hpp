// Grants: what a user may open – a post that was bought, a membership – and until when; rows, never claims of a token.
//
// Place: part of store::Store, used by access; under its contract suite. A user's grants have a version that rises by
// one with each change of what the user holds, so that a client knows whether it has missed one. Threads, errors,
// durability: those of store::Store; user_unknown, grant_limit leave nothing behind. `landed` of a request is called
// once after the flush and before the answer, on the store's thread, in the order of the commits; it must not block.
// Bounds: kGrant…Max below, and a request's `most`.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/task.hpp"

namespace gatecast::store {

inline constexpr std::size_t kGrantResourceBytesMax = 255;
inline constexpr std::size_t kGrantKeyBytesMax = 255;
inline constexpr std::size_t kGrantMetaBytesMax = 4096;

/// Before `from`, between, and from `until` on.
enum class GrantState : std::uint8_t { pending = 0, held = 1, over = 2 };

struct GrantRow {
  std::string id;
  std::string user_id;
  std::string resource;  // "post:42": 1 to 255 visible ASCII characters
  std::string key{};     // the back end's own name of it; unique for a user and resource
  GrantState state = GrantState::held;
  WallTime from{};
  std::optional<WallTime> until{};  // none: for ever
  std::string meta = "{}";          // one JSON object's text
  bool operator==(const GrantRow&) const = default;
};

/// What a change means to the user: nothing, or one of these with a version of its own.
enum class GrantNews : std::uint8_t { none, added, changed, removed, expired };

struct GrantChange {
  GrantRow grant;             // as it stands now, or as it was
  std::uint64_t version = 0;  // of the user's grants after it
  GrantNews news = GrantNews::none;
};
using GrantsLanded = std::function<void(std::span<const GrantChange>)>;

struct GrantAdd {
  std::string id;  // of a new row
  std::string user_id;
  bool foreign = false;  // the user is a trusted issuer's, and has no row of its own
  std::string resource;
  std::string key{};
  std::optional<WallTime> from{};                  // none: now, or as it stands
  std::optional<WallTime> until{};                 // none, and no time to live: for ever
  std::optional<std::chrono::milliseconds> ttl{};  // from `from` on; the same request again asks for the same end
  std::string meta = "{}";
  std::uint32_t most = 0;  // grants of the user that are not over
  std::string actor{};     // for the audit log
  std::string ip{};
  GrantsLanded landed{};
};

struct GrantAdded {
  GrantChange change;
  bool changed = false;  // false: it stood so already
};

struct GrantRemove {
  std::string user_id;
  bool foreign = false;
  std::string id{};        // this one; empty: those of the resource
  std::string resource{};  // and of this key, where there is one
  std::optional<std::string> key{};
  std::string actor{};
  std::string ip{};
  GrantsLanded landed{};
};

struct GrantsRemoved {
  std::uint64_t removed = 0;
  std::uint64_t version = 0;
};

/// A user's grants that are not over, by resource and key; version 0 and none for a user who never had one.
struct UserGrants {
  std::uint64_t version = 0;
  std::vector<GrantRow> grants{};
};

struct GrantsSwept {
  std::uint64_t moved = 0;
  std::optional<WallTime> next{};  // when the next one begins or ends
  WallTime now{};                  // the store's clock
};

class GrantStore {
 public:
  virtual ~GrantStore() = default;

  /// Makes the grant, or brings the one of that user, resource and key to what is asked for, in one transaction with
  /// the user's version and an audit row ("grant_added", "grant_changed", "grant_removed", "grant_expired": what it
  /// means to the user). Errors: user_unknown, grant_limit.
  virtual Task<Result<GrantAdded>> add_grant(GrantAdd request) = 0;
  /// Removes grants, in one transaction; none there is no error. Error: user_unknown.
  virtual Task<Result<GrantsRemoved>> remove_grants(GrantRemove request) = 0;
  /// One answer for each user, in order; users who are not known have none.
  virtual Task<Result<std::vector<UserGrants>>> grants_of(std::vector<std::string> user_ids) = 0;
  /// Grants whose time has come begin or end, at most `limit`, the earliest first, in one transaction.
  virtual Task<Result<GrantsSwept>> sweep_grants(std::uint32_t limit, GrantsLanded landed) = 0;
};

/// The state at a moment, and the next moment at which it is another.
constexpr GrantState grant_state(WallTime from, const std::optional<WallTime>& until, WallTime now) {
  if (until && *until <= now) return GrantState::over;
  return from > now ? GrantState::pending : GrantState::held;
}
inline std::optional<WallTime> grant_change_at(const GrantRow& grant) {
  if (grant.state == GrantState::over) return std::nullopt;
  return grant.state == GrantState::pending ? std::optional(grant.from) : grant.until;
}

}  // namespace gatecast::store
