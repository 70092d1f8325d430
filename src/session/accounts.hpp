// What the application and its operators may do with users: make, change, block, delete them, end their sessions, and
// start a session for one that the application itself has signed in.
//
// Place: over the store and Sessions; the server API and the control socket call it. Owner: the process has one.
// Threads: tasks are awaited on any loop. Lifetime: store, sessions, clock, bell outlive it.
// Bounds: those of store/rows.hpp, and the ones below. Errors: user_unknown, user_invalid, user_blocked,
// session_unknown, field_invalid (the detail names the member), and the store's; each without effect.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "session/bell.hpp"
#include "session/sessions.hpp"
#include "store/store.hpp"

namespace gatecast::session {

inline constexpr std::size_t kNicknameBytesMax = 128;
inline constexpr std::size_t kAvatarBytesMax = 1024;
inline constexpr std::size_t kRefCodeBytesMax = 64;
/// Members of a user's claims: with them, a token still has fewer than a verifier reads.
inline constexpr std::size_t kClaimsMembersMax = 32;

/// 1 to 64 of [A-Za-z0-9_.@-].
bool is_user_id(std::string_view id);
/// One JSON object that no token's own members hide behind. Error: field_invalid.
Result<void> check_claims(std::string_view json);
/// The one form in which a subject of this kind is stored. Error: field_invalid, address_invalid, ….
Result<std::string> stored_subject(std::string_view kind, std::string_view subject);

/// What became of one change.
struct Upserted {
  store::UserChanged changed;
  std::string detail{};  // where it was refused: which member
};

class Accounts {
 public:
  struct Parts {
    store::Store& store;
    Sessions& sessions;
    const Clock& clock;
    Bell& events;
  };
  explicit Accounts(Parts parts) : parts_(parts) {}

  /// One answer for each change, in order; one that is refused, here or by the store, leaves the others alone.
  Task<Result<std::vector<Upserted>>> upsert(std::vector<store::UserChange> changes, bool dry_run);
  Task<Result<store::UserView>> user(std::string id);
  /// Blocks or unblocks; a block ends every session and closes its connections (4503).
  Task<Result<store::Blocked>> block(std::string id, bool blocked, std::string ip, std::string actor);
  /// Gives how many sessions ended with the user.
  Task<Result<std::size_t>> remove(std::string id, std::string actor);
  Task<Result<std::vector<store::SessionRow>>> sessions(std::string id);
  /// Ends one session, or all of a user, by ended_by_operator (4502).
  Task<Result<store::Ended>> end_session(std::string sid, std::string ip);
  Task<Result<std::size_t>> end_sessions(std::string id, std::string ip);
  /// A session for a user of the application's own, without an identity. `create`: one that is not known is made.
  /// `claims`, where given, become the user's.
  Task<Result<Tokens>> mint(std::string id, bool create, std::optional<std::string> claims, ClientInfo client);

 private:
  Task<Result<void>> prepare_mint(std::string id, bool create, std::optional<std::string> claims);
  const Parts parts_;
};

}  // namespace gatecast::session
