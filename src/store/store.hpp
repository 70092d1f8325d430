// The durable truth: users, identities, sessions, control log, used nonces, audit.
//
// Place: used by session; implemented by adapters/sqlite (and later others), all under one contract suite
// (store/contract.hpp). Threads: called on a loop's thread, the task resumes there. Errors: `store_failed` when the
// store refuses or is gone, `overloaded` when its queue is full, `cancelled` when it stops; each without effect, but a
// failed commit may have landed if the process died.
// Durability: an answer that is not an error has been flushed to disk.
#pragma once

#include <functional>
#include <vector>

#include "core/result.hpp"
#include "core/task.hpp"
#include "store/rows.hpp"

namespace gatecast::store {

/// A first or repeated sign-in whose proof has been verified.
struct SignIn {
  std::string nonce;         // single use; consumed in the same transaction
  WallTime nonce_expires{};  // kept at least until then
  std::string kind;          // identity kind
  std::string subject;       // identity subject
  UserRow new_user;          // used when the identity is unknown: id, ref_code, created_at
  std::string identity_id;
  std::string ref_code{};          // of the referrer; unknown or empty: none
  SessionRow session;              // without sid and user_id
  std::string secret_hash{};       // SHA-256 of the session's secret; empty: the session cannot be renewed
  std::uint32_t sessions_max = 0;  // sessions the user may have; the oldest over it end (0: no limit)
  /// Gives the session id for a user; called once, on the store's thread, must not block.
  std::function<std::string(std::string_view user_id)> sid_for;
};

struct SignedIn {
  UserRow user;
  SessionRow session;
  bool created = false;             // the user is new
  std::vector<SessionRow> ended{};  // sessions over the limit, by session_limit
};

struct SessionView {
  SessionRow session;
  UserRow user;
  std::string subject;  // of the session's identity, e.g. the wallet address
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

class Store {
 public:
  virtual ~Store() = default;

  /// Consumes the nonce, finds or makes the user, makes the session, writes audit: one transaction.
  /// Errors: nonce_used, user_blocked; both leave nothing behind but nonce_used's audit row is the caller's.
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
  /// Sessions that ended at or after `since`: what the revocation index is filled with at start.
  virtual Task<Result<std::vector<ControlRow>>> ended_since(WallTime since) = 0;
  /// Moves last_seen_at forward, for many sessions in one transaction.
  virtual Task<Result<void>> touch(std::vector<std::pair<std::string, WallTime>> seen) = 0;
  virtual Task<Result<void>> audit(std::vector<AuditRow> rows) = 0;
  /// Removes nonces that expired before `now`, and audit rows before `audit_before`; gives how many rows went.
  virtual Task<Result<std::uint64_t>> prune(WallTime now, WallTime audit_before) = 0;
  /// A round trip to the store, for /readyz.
  virtual Task<Result<void>> ping() = 0;
};

}  // namespace gatecast::store
