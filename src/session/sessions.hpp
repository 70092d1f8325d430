// Sessions: made by a proof, carried by access tokens, ended once and everywhere.
//
// Place: above token, identity and store; server calls it. Owner: the process has one. The store is the truth, the
// revocation index what answers a call without asking it.
// Threads: `challenge`, `authenticate`, `standing`, `seen` are synchronous, take no lock that waits on the store, any
// thread; tasks are awaited on any loop; `load`, `drain` on one loop, which also does the upkeep.
// Lifetime: `on_ended` before `load`; `drain` is awaited before destruction. Issuer, verifier, store, clock outlive it.
// Errors: codes of the registry; `temporarily_unavailable` where only the store could say and it does not answer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "session/challenge.hpp"
#include "session/claims_profile.hpp"
#include "session/control_reader.hpp"
#include "session/kept_notes.hpp"
#include "session/last_seen.hpp"
#include "session/periodic.hpp"
#include "session/refresh_token.hpp"
#include "session/refusal_notes.hpp"
#include "session/revocation_index.hpp"
#include "session/rotation.hpp"
#include "session/sid.hpp"
#include "session/stats.hpp"
#include "store/store.hpp"
#include "token/issuer.hpp"
#include "token/verifier.hpp"

namespace gatecast::session {

/// A verified access token.
struct Caller {
  std::string user_id, sid;
  token::Claims claims;
};

/// Where a call came from, as the listener or a trusted proxy says.
struct ClientInfo {
  std::string ip{}, user_agent{}, origin{};
};

struct WalletSignIn {
  std::string chain;
  std::string address;
  std::string message{};         // the text, or
  std::string signed_message{};  // the exact bytes signed, decoded
  std::string signature{};       // text form
  std::string ref_code{};        // of the referrer; counts for a new user only
};

struct Tokens {
  std::string access;
  std::int64_t expires_in = 0;  // seconds
  WallTime expires_at{};
  std::string refresh;
  WallTime refresh_expires_at{};
  store::UserRow user;
  store::SessionRow session;
  std::string address;
  bool created = false;  // the user is new
};

/// A session that this process has just learnt has ended.
struct Ending {
  std::string sid, user_id;
  Errc reason;
};

struct SessionOptions {
  SolanaSignIn solana{};
  ClaimsProfile claims = ClaimsProfile::standard();
  std::chrono::seconds access_ttl{1800};
  std::chrono::seconds absolute_ttl{std::chrono::days{180}};  // no renewal carries a session beyond it
  RotationRules rotation{};                                   // with the life of a session that is not renewed
  double jitter = 0;            // the share of an access token's life that is cut off at random, at most
  std::uint32_t per_user = 50;  // sessions; the oldest over it end with a sign-in (0: no limit)
  Duration fresh_signin = std::chrono::minutes{5};  // for ending other sessions
  std::size_t revocations_max = 1'000'000;
  Duration upkeep_every = std::chrono::seconds{5};  // control log, last_seen, audit of refusals
  Duration prune_every = std::chrono::seconds{60};  // used nonces, old audit rows
  std::chrono::hours audit_retention{std::chrono::days{90}};
  /// Out of touch with the control log for longer, the index decides nothing and the store is asked.
  Duration stale_after = std::chrono::seconds{15};
};

class Sessions {
 public:
  struct Parts {
    store::Store& store;
    const Clock& clock;
    const token::Issuer& issuer;
    const token::Verifier& verifier;
  };
  /// Errors: secret_missing, secret_weak, config_invalid.
  static Result<std::unique_ptr<Sessions>> make(SessionOptions options, const SessionKeyList& keys, Parts parts);

  Result<Challenge> challenge(const ChallengeRequest& request);
  /// Verifies the proof, opens the nonce, and in one transaction consumes it and makes the session.
  Task<Result<Tokens>> sign_in_wallet(WalletSignIn proof, ClientInfo client);

  /// The next access token and the refresh token to go on with, by the table of session/rotation.hpp. `user_id`, where
  /// given, is whose session it must be (token_foreign). Errors: refresh_invalid, the reason of the session's end,
  /// refresh_reuse where this ended it.
  Task<Result<Tokens>> renew(std::string refresh_token, ClientInfo client, std::string user_id = {});

  /// Signature, claims, session id, revocation index. `temporarily_unavailable` where the index cannot say.
  Result<Caller> authenticate(std::string_view access_token) const;
  /// The same, and asks the store where the index cannot say.
  Task<Result<Caller>> authenticate_at_store(std::string access_token);
  /// Whether the session of a caller still stands, for checks after the first. Any thread, no lock.
  Standing standing(const Caller& caller) const;

  Task<Result<store::SessionView>> session(Caller caller);
  /// Store, then index, then on_ended; of a session that has ended already, reason and time are those of then.
  Task<Result<store::Ended>> end(std::string sid, Errc reason, std::string ip);
  /// Ends all sessions of the user but `keep_sid`; gives how many. Each is told as by `end`.
  Task<Result<std::size_t>> end_others(std::string user_id, std::string keep_sid, std::string ip);
  Task<Result<std::size_t>> end_all(std::string user_id, std::string ip);
  /// Ends a session of the caller's own user. Error: not_found.
  Task<Result<void>> end_own(std::string user_id, std::string sid, std::string ip);
  /// The user's standing sessions, the newest first.
  Task<Result<std::vector<store::SessionRow>>> list(std::string user_id);
  /// Error: fresh_signin_required where the caller's session was made too long ago.
  Task<Result<void>> require_fresh(Caller caller);
  /// Called on the thread that learns of an ending, when the index knows it, once each; it must not block.
  void on_ended(std::function<void(const Ending&)> callback) { on_ended_.push_back(std::move(callback)); }

  /// Notes that the session was used, and what its token shows of the refresh token; written every few seconds.
  void seen(const Caller& caller);
  /// Fills the index from the store and begins the upkeep on this loop. Until it has succeeded the index decides
  /// nothing.
  Task<Result<void>> load();
  /// Ends the upkeep and writes what is noted. On the loop of `load`.
  Task<void> drain();

  const Stats& stats() const { return stats_; }
  const RevocationIndex& revocations() const { return index_; }
  /// How long the control log has not been read with success; since construction before the first time.
  Duration out_of_touch() const;

 private:
  Sessions(SessionOptions options, SidKeys sids, NonceKeys nonces, RefreshKeys refresh, Parts parts);

  Result<Caller> verify(std::string_view access_token) const;
  /// What is minted: for whom, for which session, and the secret of its refresh token.
  struct Minting {
    store::UserRow user;
    store::SessionRow session;
    std::string address;
    std::string secret;
    bool created = false;
  };
  Result<Tokens> mint(Minting what, WallTime now) const;
  std::int64_t access_life() const;
  Task<Result<Tokens>> try_renew(std::string refresh_token, ClientInfo client, std::string user_id);
  Task<Result<std::size_t>> end_many(std::string user_id, std::string keep_sid, std::string ip);
  void spread(const store::SessionRow& ended, SteadyTime committed);
  Task<Result<store::SignedIn>> store_sign_in(identity::WalletClaim claim, OpenedNonce nonce, std::string ref_code,
                                              ClientInfo client, std::string secret, WallTime now);
  Task<Result<Tokens>> try_sign_in(WalletSignIn proof, ClientInfo client);
  Task<Result<void>> ask_store(std::string sid, std::string user_id);
  RevocationIndex::Added learn(const Ending& ending, WallTime ended_at);
  void tell(const Ending& ending);

  Task<Result<void>> read_control(bool telling);
  Task<void> upkeep();
  Task<void> write_notes();
  Task<void> prune();

  const SessionOptions options_;
  const SidKeys sids_;
  const NonceKeys nonces_;
  const RefreshKeys refresh_;
  store::Store& store_;
  const Clock& clock_;
  const token::Issuer& issuer_;
  const token::Verifier& verifier_;

  RevocationIndex index_;
  ControlReader control_;
  LastSeen last_seen_;
  KeptNotes kept_;
  RefusalNotes refusals_;
  std::vector<std::function<void(const Ending&)>> on_ended_;
  std::atomic<std::int64_t> in_touch_ns_;  // steady time of the last good read of the control log
  mutable Stats stats_;
  Periodic upkeep_;
  Periodic prune_;
};

}  // namespace gatecast::session
