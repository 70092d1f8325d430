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
#include "session/last_seen.hpp"
#include "session/periodic.hpp"
#include "session/refusal_notes.hpp"
#include "session/revocation_index.hpp"
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
  std::chrono::seconds session_ttl{std::chrono::days{180}};  // from sign-in to the end of the session
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

  /// Signature, claims, session id, revocation index. `temporarily_unavailable` where the index cannot say.
  Result<Caller> authenticate(std::string_view access_token) const;
  /// The same, and asks the store where the index cannot say.
  Task<Result<Caller>> authenticate_at_store(std::string access_token);
  /// Whether the session of a caller still stands, for checks after the first. Any thread, no lock.
  Standing standing(const Caller& caller) const;

  Task<Result<store::SessionView>> session(Caller caller);
  /// Store, then index, then on_ended; of a session that has ended already, reason and time are those of then.
  Task<Result<store::Ended>> end(std::string sid, Errc reason, std::string ip);
  /// Called on the thread that learns of an ending, when the index knows it, once each; it must not block.
  void on_ended(std::function<void(const Ending&)> callback) { on_ended_.push_back(std::move(callback)); }

  /// Notes that the session was used; written every few seconds.
  void seen(std::string_view sid);
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
  Sessions(SessionOptions options, SidKeys sids, NonceKeys nonces, Parts parts);

  Result<Caller> verify(std::string_view access_token) const;
  Result<Tokens> tokens_for(store::SignedIn made, std::string address, WallTime now) const;
  Task<Result<store::SignedIn>> store_sign_in(identity::WalletClaim claim, OpenedNonce nonce, std::string ref_code,
                                              ClientInfo client, WallTime now);
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
  store::Store& store_;
  const Clock& clock_;
  const token::Issuer& issuer_;
  const token::Verifier& verifier_;

  RevocationIndex index_;
  ControlReader control_;
  LastSeen last_seen_;
  RefusalNotes refusals_;
  std::vector<std::function<void(const Ending&)>> on_ended_;
  std::atomic<std::int64_t> in_touch_ns_;  // steady time of the last good read of the control log
  mutable Stats stats_;
  Periodic upkeep_;
  Periodic prune_;
};

}  // namespace gatecast::session
