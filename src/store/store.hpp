// The durable truth: users, identities, sessions, control log, used nonces, audit.
//
// Place: used by session; implemented by adapters/sqlite (and later others), all under one contract suite
// (store/contract.hpp). Threads: called on a loop's thread, the task resumes there. Errors: `store_failed` when the
// store refuses or is gone, `overloaded` when its queue is full, `cancelled` when it stops, `field_invalid` where a
// text is one that it cannot keep (a zero byte); each without effect, but a failed commit may have landed if the
// process died. Durability: an answer that is not an error has been flushed to disk.
#pragma once

#include <functional>
#include <vector>

#include "core/result.hpp"
#include "core/task.hpp"
#include "store/grants.hpp"
#include "store/notifications.hpp"
#include "store/rows.hpp"

namespace gatecast::store {

/// A first or repeated sign-in whose proof has been verified, or a session that a trusted back end starts.
struct SignIn {
  std::string nonce;         // single use; consumed in the same transaction; empty: nothing is consumed
  WallTime nonce_expires{};  // kept at least until then
  /// A nonce used not longer ago than this, by a session that stands and was made from the same address prefix (/24 or
  /// /64), answers that session again (a page reload); zero: a nonce works once.
  Duration reload_window{};
  std::string kind;       // identity kind; empty: no identity, the user is new_user.id
  std::string subject;    // identity subject
  std::string profile{};  // of the identity, written where it differs; empty: left as it is
  UserRow new_user;       // used when the identity is unknown: id, ref_code, created_at, nickname, avatar, claims, …
  std::string identity_id;
  bool may_register = true;        // false: an unknown identity or user is registration_closed
  std::string ref_code{};          // of the referrer; unknown or empty: the next one counts
  std::string ref_code_else{};     // unknown or empty: no referrer
  SessionRow session;              // without sid and user_id
  std::string secret_hash{};       // SHA-256 of the session's secret; empty: the session cannot be renewed
  std::uint32_t sessions_max = 0;  // sessions the user may have; the oldest over it end (0: no limit)
  /// Gives the session id for a user; called once an attempt, on the store's thread, must not block.
  std::function<std::string(std::string_view user_id)> sid_for;
};

struct SignedIn {
  UserRow user;
  SessionRow session;
  bool created = false;             // the user is new
  bool repeated = false;            // the session is the one this nonce had made before
  std::string profile = "{}";       // of the identity
  std::vector<SessionRow> ended{};  // sessions over the limit, by session_limit
};

struct SessionView {
  SessionRow session;
  UserRow user;
  std::string subject;         // of the session's identity, e.g. the wallet address; empty without one
  std::string kind{};          // of the session's identity
  std::string profile = "{}";  // of the session's identity
};

struct UserView {
  UserRow user;
  std::vector<IdentityRow> identities;  // the oldest first
};

/// A further identity for a user, whose proof has been verified.
struct Link {
  std::string nonce;
  WallTime nonce_expires{};
  IdentityRow identity;  // id, user_id, kind, subject, profile, created_at
  std::string sid{};     // of the session that links, for the audit row
  std::string ip{};
};

struct Linked {
  IdentityRow identity;
  bool now = false;  // false: the user had it already, and the row is that one
};

struct Unlinked {
  IdentityRow identity;
  std::vector<SessionRow> ended;  // sessions made with it, by identity_unlinked
};

/// What the application says of one of its users. Members without a value stay as they are.
struct UserChange {
  std::string id;
  std::optional<std::string> nickname{}, avatar{}, claims{}, ref_code{};
  std::optional<bool> is_creator{}, is_verified{};
  std::optional<std::string> referrer{};  // user id; counts where the user has none yet and it is another, known user
  std::vector<IdentityRow> identities{};  // to be added: id, kind, subject, profile; never taken from another user
  UserRow new_user{};                     // used when the user is unknown: ref_code, created_at
};

struct UserChanged {
  Errc refused = Errc::internal;  // where `ok` is false: identity_taken, ref_code_taken, identity_limit
  bool ok = false;
  bool created = false;
  bool changed = false;  // created, or any member or identity differs now
  UserRow user{};
};

struct Blocked {
  UserRow user;
  bool now = false;               // false: it was so before
  std::vector<SessionRow> ended;  // by user_blocked
};

struct AuditQuery {
  std::string user_id{};             // empty: anyone's
  std::vector<std::string> kinds{};  // empty: all
  std::uint64_t after = 0;           // seq; rows beyond it, the oldest first
  std::uint64_t before = 0;          // not 0: rows before it, the newest first, and `after` is not looked at
  std::uint32_t limit = 100;         // at most 1000
};

struct Ended {
  SessionRow session;
  bool now = false;  // false: it had ended before, and reason and time are those of then
  std::uint64_t control_seq = 0;
};

/// A renewal whose token's mac has been verified.
struct Renewal {
  std::string sid;
  std::string secret_hash;     // SHA-256 of the secret presented
  std::uint64_t kept_gen = 0;  // a generation known to be kept and perhaps not yet noted in the row (0: none)
  std::string ip{};
  /// Judges the row as it stands; called once an attempt, on the store's thread, must not block. `now`: the store's.
  std::function<RotationDecision(const RotationRow& row, WallTime now)> decide;
};

struct Renewed {
  RotationDecision decision;
  SessionView view;  // after the decision; where it was `end`, with reason and time
};

class Store : public GrantStore, public NotificationStore {
 public:
  ~Store() override = default;

  /// Consumes the nonce, finds or makes the user, makes the session, writes audit ("user_created" before "signin" for a
  /// new user): one transaction. Errors: nonce_used, user_blocked, registration_closed; they leave nothing behind.
  virtual Task<Result<SignedIn>> sign_in(SignIn request) = 0;
  /// Applies the decision to the session's row in one transaction: a conditional update, which reads and decides again
  /// where the row has changed meanwhile. `end` writes control row and audit row as `end_session` does.
  /// Errors: session_unknown; refresh_invalid where the secret is another or the session has none.
  virtual Task<Result<Renewed>> renew(Renewal request) = 0;
  /// Notes generations as kept, never backwards, in one transaction.
  virtual Task<Result<void>> keep(std::vector<std::pair<std::string, std::uint64_t>> kept) = 0;
  /// Sessions of the user that have not ended and do not expire by `now`, the newest first, at most 1000.
  virtual Task<Result<std::vector<SessionRow>>> sessions_of(std::string user_id, WallTime now) = 0;
  /// Ends every session of the user but `keep_sid` (empty: none is kept) and raises the user's session_epoch, in one
  /// transaction; each gets its control row and audit row. Gives those that ended now. A sign-in or renewal is either
  /// before and ends, or after: then it is a new session, or refused.
  virtual Task<Result<std::vector<SessionRow>>> end_sessions(std::string user_id, std::string keep_sid, Errc reason,
                                                             WallTime at, std::string ip) = 0;
  /// Error: session_unknown.
  virtual Task<Result<SessionView>> session(std::string sid) = 0;
  /// Ends the session and writes its control row and audit row in one transaction. Idempotent. Error: session_unknown.
  virtual Task<Result<Ended>> end_session(std::string sid, Errc reason, WallTime at, std::string ip) = 0;
  /// Control rows with seq > after, in order, at most `limit`.
  virtual Task<Result<std::vector<ControlRow>>> control_log(std::uint64_t after, std::uint32_t limit) = 0;
  /// Endings at or after `since`, those of sessions removed since included: what the revocation index is filled with at
  /// start.
  virtual Task<Result<std::vector<ControlRow>>> ended_since(WallTime since) = 0;
  /// Moves last_seen_at forward, for many sessions in one transaction.
  virtual Task<Result<void>> touch(std::vector<std::pair<std::string, WallTime>> seen) = 0;
  virtual Task<Result<void>> audit(std::vector<AuditRow> rows) = 0;
  /// Removes nonces that expired before `now`, audit rows before `audit_before` (never the newest one, so that `seq`
  /// goes on), and before `ended_before` control rows and ended or expired sessions; gives how many rows went. Of many
  /// expired sessions, one call may take a part, and later calls the rest.
  virtual Task<Result<std::uint64_t>> prune(WallTime now, WallTime audit_before, WallTime ended_before) = 0;
  /// Uses up a nonce outside a sign-in (tickets). Error: nonce_used.
  virtual Task<Result<void>> consume(std::string nonce, WallTime expires) = 0;

  /// Adds an identity to a user, in one transaction with its nonce and an audit row "linked". Errors: nonce_used,
  /// identity_taken (another user has it), identity_limit, user_unknown, user_blocked.
  virtual Task<Result<Linked>> link(Link request) = 0;
  /// Removes an identity of the user and ends the sessions made with it; audit row "unlinked". Errors: not_found,
  /// identity_last.
  virtual Task<Result<Unlinked>> unlink(std::string user_id, std::string identity_id, WallTime at, std::string ip) = 0;
  /// Error: user_unknown.
  virtual Task<Result<UserView>> user(std::string user_id) = 0;
  /// Whose the identity is. Error: user_unknown.
  virtual Task<Result<UserView>> user_of(std::string kind, std::string subject) = 0;
  /// Makes or changes users, each on its own: one that is refused leaves the others alone. Audit rows "user_created",
  /// "user_changed", "linked". `dry_run` says what would be and changes nothing. At most 1000 at once (overloaded).
  virtual Task<Result<std::vector<UserChanged>>> upsert_users(std::vector<UserChange> changes, WallTime at,
                                                              bool dry_run) = 0;
  /// Blocks or unblocks; a block ends every session of the user and raises session_epoch. Idempotent. `actor` is the
  /// audit row's detail. Error: user_unknown.
  virtual Task<Result<Blocked>> block_user(std::string user_id, bool blocked, WallTime at, std::string ip,
                                           std::string actor) = 0;
  /// Removes user, identities, sessions, grants and notifications, and what is personal in the audit rows (address,
  /// detail); the sessions end by ended_by_operator, which their control rows go on to say; who was referred by the
  /// user has no referrer then. Audit row "user_deleted" with `actor` as detail. Gives the sessions that ended. Error:
  /// user_unknown.
  virtual Task<Result<std::vector<SessionRow>>> delete_user(std::string user_id, WallTime at, std::string actor) = 0;
  /// Users with ids beyond `after` in the order of ids, at most `limit` and 1000: for export and lists.
  virtual Task<Result<std::vector<UserView>>> users(std::string after, std::uint32_t limit) = 0;
  /// Rows of the audit log in the order that the query asks for.
  virtual Task<Result<std::vector<AuditRow>>> audit_log(AuditQuery query) = 0;
  /// How far a reader of the audit log has come (webhooks), durable; 0 for an unknown name.
  virtual Task<Result<std::uint64_t>> position(std::string name) = 0;
  virtual Task<Result<void>> set_position(std::string name, std::uint64_t seq) = 0;
  /// Takes or keeps a name for `holder` until `ttl` from now by the store's clock; false where another holds it. So
  /// that of several nodes one does what is done once. A `ttl` of zero gives it back.
  virtual Task<Result<bool>> lease(std::string name, std::string holder, std::chrono::milliseconds ttl) = 0;
  /// Which history this data has: another text where commits may have been undone (a replica was promoted, a copy put
  /// in place), so that numbers may be given again.
  virtual Task<Result<std::string>> history() = 0;
  /// A control row of kind "foreign_ended": a trusted issuer's session, of which the store has no row.
  virtual Task<Result<void>> end_foreign(std::string sid, std::string user_id, Errc reason, WallTime at) = 0;
  /// When this data was last put in place by a restore: what was single-use before may have been forgotten.
  virtual Task<Result<std::optional<WallTime>>> restored_at() = 0;
  /// Writes a consistent copy, complete and flushed, to a file that is not there yet. Errors: store_failed,
  /// store_conflict (the file exists), overloaded (others are being made), cancelled (the store stops).
  virtual Task<Result<void>> backup(std::string path) = 0;
  /// A round trip to the store, for /readyz.
  virtual Task<Result<void>> ping() = 0;
};

}  // namespace gatecast::store
