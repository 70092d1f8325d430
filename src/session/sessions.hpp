// Sessions: made by a proof, carried by access tokens, ended once and everywhere.
//
// Place: above token, identity and store; server calls it. Owner: the process has one. The store is the truth, the
// revocation index what answers a call without asking it.
// Threads: `challenge`, `authenticate`, `standing`, `seen` are synchronous, take no lock that waits on the store, any
// thread; tasks are awaited on any loop; `load`, `drain` on one loop, which also does the upkeep; `take_keys` and
// `take_trusted` beside all of them, one at a time.
// Lifetime: `on_ended` before `load`; `drain` is awaited before destruction. Issuer, verifier, store, clock, nodes
// outlive it; it is made before the nodes are started.
// Errors: codes of the registry; `temporarily_unavailable` where only the store could say and it does not answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/versioned.hpp"
#include "metrics/labels.hpp"
#include "session/broker_touch.hpp"
#include "session/claims_profile.hpp"
#include "session/control_feed.hpp"
#include "session/control_reader.hpp"
#include "session/foreign_sessions.hpp"
#include "session/kept_notes.hpp"
#include "session/last_seen.hpp"
#include "session/periodic.hpp"
#include "session/proofs.hpp"
#include "session/recent_endings.hpp"
#include "session/refresh_token.hpp"
#include "session/refusal_notes.hpp"
#include "session/registration_hook.hpp"
#include "session/revocation_index.hpp"
#include "session/rotation.hpp"
#include "session/settling.hpp"
#include "session/sid.hpp"
#include "session/stats.hpp"
#include "session/tickets.hpp"
#include "session/variants.hpp"
#include "store/store.hpp"
#include "token/doctor.hpp"
#include "token/issuer.hpp"
#include "token/trusted.hpp"
#include "token/verifier.hpp"

namespace gatecast::session {

/// A verified access token. A foreign one, of a trusted issuer, has no session in the store: its `sid` is a stand-in.
struct Caller {
  std::string user_id, sid;
  token::Claims claims;
  bool foreign = false;
  std::string issuer{};  // the name of the trusted issuer
  SteadyTime judged{};   // when the store was asked about it, where the index could not say
};

/// Where a call came from, as the listener or a trusted proxy says.
struct ClientInfo {
  std::string ip{}, user_agent{}, origin{};
};

struct Tokens {
  std::string access;
  std::int64_t expires_in = 0;  // seconds
  WallTime expires_at{};
  std::string refresh;
  WallTime refresh_expires_at{};
  store::UserRow user;
  store::SessionRow session;
  std::string kind{}, subject{}, profile = "{}";  // of the identity; empty without one
  bool created = false;                           // the user is new
  bool repeated = false;                          // the session was there already
};

/// Who may become a user by signing in: everyone, nobody, or whom the application's hook allows.
enum class Registration : std::uint8_t { open, closed, ask };

/// A session that this process has just learnt has ended.
struct Ending {
  std::string sid, user_id;
  Errc reason;
};

struct SessionOptions {
  SolanaSignIn solana{};
  EthereumSignIn ethereum{};
  TelegramSignIn telegram{};
  Registration registration = Registration::open;
  RegistrationHook hook{};  // asked where registration is `ask`
  ClaimsProfile claims = ClaimsProfile::standard();
  std::chrono::seconds access_ttl{1800};
  Variants variants{};                                        // users whose access tokens live another time
  std::chrono::seconds absolute_ttl{std::chrono::days{180}};  // no renewal carries a session beyond it
  RotationRules rotation{};                                   // with the life of a session that is not renewed
  double jitter = 0;            // the share of an access token's life that is cut off at random, at most
  std::uint32_t per_user = 50;  // sessions; the oldest over it end with a sign-in (0: no limit)
  Duration fresh_signin = std::chrono::minutes{5};  // for linking, and for ending other sessions
  std::size_t revocations_max = 1'000'000;
  Duration upkeep_every = std::chrono::seconds{5};  // control log, last_seen, audit of refusals
  Duration prune_every = std::chrono::seconds{60};  // used nonces, old audit rows
  std::chrono::hours audit_retention{std::chrono::days{90}};
  std::chrono::hours ended_retention{std::chrono::days{7}};  // ended and expired sessions, beyond the life of a token
  /// Out of touch with the control log for longer, the index decides nothing and the store is asked.
  Duration stale_after = std::chrono::seconds{15};
  /// With other nodes. The index decides for `leave` from the beginning of a good read of the control log; an ending is
  /// answered when `leave_over` is gone since its commit, whatever the others say. Between the two lies what clocks of
  /// different machines may run apart in that time.
  Duration leave = std::chrono::milliseconds{990};
  Duration leave_over = std::chrono::seconds{1};
  Duration control_every = std::chrono::milliseconds{300};
  Duration control_full_every = std::chrono::seconds{5};
};

class Sessions {
 public:
  struct Parts {
    store::Store& store;
    const Clock& clock;
    const token::Issuer& issuer;
    const token::Verifier& verifier;
    outbound::Outbound* outbound = nullptr;     // where a hook or a chain's node is configured
    token::TrustedVerifier* trusted = nullptr;  // where other issuers are
    broker::Nodes* nodes = nullptr;             // the others; null: this process is alone with its store
  };
  /// Errors: secret_missing, secret_weak, config_invalid.
  static Result<std::unique_ptr<Sessions>> make(SessionOptions options, const SessionKeyList& keys, Parts parts);

  /// Other session keys count from here on; what former keys made and these do not is refused.
  /// Errors: those of make; nothing has changed then.
  Result<void> take_keys(const SessionKeyList& keys);
  /// Other trusted issuers, or none. The former ones are stopped by who owns them, and outlive every call.
  void take_trusted(token::TrustedVerifier* trusted) { trusted_.store(trusted, std::memory_order_release); }

  Result<Challenge> challenge(const ChallengeRequest& request);
  /// Verifies the proof, and in one transaction consumes its nonce and makes the session. `ref_code` is the client's;
  /// one that the proof itself names goes before it. Errors: those of Proofs; nonce_used, initdata_replayed,
  /// user_blocked, registration_closed, registration_refused.
  Task<Result<Tokens>> sign_in(Proof proof, ClientInfo client, std::string ref_code);
  Task<Result<Tokens>> sign_in_wallet(WalletSignIn proof, ClientInfo client);
  /// A session without an identity, for a user whom a trusted back end has signed in; `create`: who is unknown is made.
  /// Errors: registration_closed (unknown), user_blocked.
  Task<Result<Tokens>> start(std::string user_id, bool create, ClientInfo client);

  /// Adds the identity that `proof` (made for linking) shows to the caller's user, whose sign-in is fresh or who
  /// confirms with an identity already linked. Errors: those of `confirm` and Proofs; identity_taken, identity_limit.
  Task<Result<store::Linked>> link(Caller caller, Proof proof, std::optional<Proof> confirming, std::string ip);
  /// Removes an identity and ends the sessions made with it. Errors: those of `confirm`; not_found, identity_last.
  Task<Result<store::Unlinked>> unlink(Caller caller, std::string identity_id, std::optional<Proof> confirming,
                                       std::string ip);
  /// What a sensitive call needs: a sign-in of the last minutes, or where `proof` is given that proof, made for linking
  /// and as fresh, of an identity of the caller's user; it is used up. Errors: fresh_signin_required, proof_foreign,
  /// those of Proofs.
  Task<Result<void>> confirm(Caller caller, std::optional<Proof> proof);
  /// The user and all identities.
  Task<Result<store::UserView>> user(std::string user_id);

  /// The next access token and the refresh token to go on with, by the table of session/rotation.hpp. `user_id`, where
  /// given, is whose session it must be (token_foreign). Errors: refresh_invalid, the reason of the session's end,
  /// refresh_reuse where this ended it.
  Task<Result<Tokens>> renew(std::string refresh_token, ClientInfo client, std::string user_id = {});

  /// An access token of the same session and generation for one that is still good; no refresh token. Errors: those of
  /// `authenticate_at_store` and the reason of the session's end.
  Task<Result<Tokens>> reissue(std::string access_token, ClientInfo client);
  /// Ends the session of an access token or refresh token, whose possession is the proof. One that is not known, over,
  /// or of an ended session is no error (RFC 7009 §2.2).
  Task<Result<void>> revoke(std::string token, std::string ip);

  /// A text that connects once within kTicketLife in place of the caller's access token.
  std::string ticket(const Caller& caller) const;
  /// Uses a ticket up; the caller is as its access token had it. Errors: ticket_invalid, ticket_expired, ticket_used,
  /// token_expired, those of a session that has ended.
  Task<Result<Caller>> redeem(std::string ticket);

  /// Signature, claims, session id, revocation index. `temporarily_unavailable` where the index cannot say. A token
  /// that is not ours is given to the trusted issuer it names; the caller is then foreign.
  Result<Caller> authenticate(std::string_view access_token) const;
  /// The same, and asks the store where the index cannot say, or a trusted issuer for its keys.
  Task<Result<Caller>> authenticate_at_store(std::string access_token);
  /// Asks about a verified caller anew; `judged` of what it gives is when. Errors: those of `authenticate_at_store`.
  Task<Result<Caller>> ask_about(Caller caller);
  /// Whether what was said of the caller last still stands where the index cannot say: for `leave`.
  bool judged_lately(const Caller& caller) const;
  /// A token that lets its user subscribe to one channel; `ends`: seconds since 1970.
  Result<std::string> mint_subscription(const token::SubscriptionToken& said, std::int64_t ends) const {
    return issuer_.mint_subscription(said, verifier_.policy(), ends);
  }
  /// What a subscription token says, made by us or by the trusted issuer of session `sid`.
  Result<token::SubscriptionToken> subscription(std::string_view token, std::string_view sid) const;
  /// Whether the session of a caller still stands, for checks after the first. Any thread, no lock.
  Standing standing(const Caller& caller) const;

  /// Of a foreign caller, what the token says; the store knows nothing of it.
  Task<Result<store::SessionView>> session(Caller caller);
  /// Store, then index, then on_ended, then the other nodes: when this ends none of them takes new work for the
  /// session. A foreign one is ended until its token is over. Of a session that has ended already, reason and time are
  /// those of then.
  Task<Result<store::Ended>> end(std::string sid, Errc reason, std::string ip);
  /// Ends all sessions of the user but `keep_sid`; gives how many. Each is told as by `end`.
  Task<Result<std::size_t>> end_others(std::string user_id, std::string keep_sid, std::string ip);
  Task<Result<std::size_t>> end_all(std::string user_id, std::string ip);
  /// Spreads endings that an operation of the store has committed: index, on_ended and metrics at once, then the other
  /// nodes as `end` does.
  Task<void> told(std::vector<store::SessionRow> ended);
  /// Ends a session of the caller's own user. Error: not_found.
  Task<Result<void>> end_own(std::string user_id, std::string sid, std::string ip);
  /// The user's standing sessions, the newest first.
  Task<Result<std::vector<store::SessionRow>>> list(std::string user_id);
  /// Error: fresh_signin_required where the caller's session was made too long ago.
  Task<Result<void>> require_fresh(Caller caller);
  /// Called on the thread that learns of an ending, when the index knows it, once each; it must not block.
  void on_ended(std::function<void(const Ending&)> callback) { on_ended_.push_back(std::move(callback)); }

  /// Everything that is wrong with a token, for operators: the token's part, then what is known of its session.
  Task<std::vector<token::Finding>> examine(std::string token, token::DoctorInput input);

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
  /// The same where there are other nodes, whose endings are not heard of meanwhile; zero where this process is alone.
  Duration blind() const { return nodes_ == nullptr ? Duration{} : out_of_touch(); }

 private:
  /// Everything that is made with the session keys.
  struct Keyed {
    SidKeys sids;
    Proofs proofs;
    RefreshKeys refresh;
    TicketKeys tickets;
    static Result<std::unique_ptr<const Keyed>> make(const SessionOptions& options, const SessionKeyList& keys,
                                                     outbound::Outbound* outbound);
  };
  Sessions(SessionOptions options, std::unique_ptr<const Keyed> keyed, Parts parts);
  const SidKeys& sids() const { return keyed_.get().sids; }
  const Proofs& proofs() const { return keyed_.get().proofs; }
  const RefreshKeys& refresh() const { return keyed_.get().refresh; }
  const TicketKeys& tickets() const { return keyed_.get().tickets; }
  token::TrustedVerifier* trusted() const { return trusted_.load(std::memory_order_acquire); }

  Result<Caller> verify(std::string_view access_token) const;
  Result<Caller> verify_any(std::string_view access_token) const;
  Result<Caller> verify_foreign(std::string_view access_token, const Error& ours) const;
  Result<Caller> admit_foreign(Result<token::ForeignClaims> claims) const;
  Task<Result<store::Ended>> end_foreign(std::string sid, Errc reason);
  /// What is minted: for whom, for which session, and the secret of its refresh token.
  struct Minting {
    store::UserRow user;
    store::SessionRow session;
    std::string kind, subject, profile;
    std::string secret;
    bool created = false;
    bool repeated = false;
  };
  Result<Tokens> mint(Minting what, WallTime now) const;
  Result<Tokens> mint_reissued(store::SessionView view, WallTime now) const;
  Error refused_ticket(Error error);
  std::int64_t access_life(std::string_view user_id) const;
  metrics::Variant variant_of(std::string_view user_id) const { return {options_.variants.of(user_id)}; }
  Task<Result<Tokens>> try_renew(std::string refresh_token, ClientInfo client, std::string user_id);
  Task<Result<std::size_t>> end_many(std::string user_id, std::string keep_sid, std::string ip);
  void spread(const store::SessionRow& ended, SteadyTime committed);
  Task<Result<Tokens>> try_sign_in(Proof proof, ClientInfo client, std::string ref_code);
  store::SignIn request_for(const Proven& proven, const ClientInfo& client, const std::string& ref_code,
                            WallTime now) const;
  Task<Result<store::SignedIn>> store_sign_in(store::SignIn request);
  Task<Result<Tokens>> make_session(store::SignIn request, std::string secret, Errc replayed, WallTime now);
  Task<void> note_direct(const Tokens& tokens);
  Task<Result<void>> confirm_by(std::string user_id, Proof proof);
  Task<Result<store::Linked>> try_link(Caller caller, Proof proof, std::optional<Proof> confirming, std::string ip);
  void refuse(const Error& error, const std::string& ip, std::string_view what);
  Result<void> stands(const store::SessionView& view, std::string_view user_id) const;
  Task<Result<store::SessionView>> ask_store(std::string sid, std::string user_id);
  RevocationIndex::Added learn(const Ending& ending, WallTime ended_at);
  void tell(const Ending& ending);

  /// Whether what was made at `made_at` to be used once is remembered where it was: not if the data was restored since.
  bool remembered(WallTime made_at) const;
  Result<Proven> remembered(Result<Proven> proven) const;

  bool may_decide() const;
  Task<Result<void>> read_control();
  Task<Result<void>> read_on(SteadyTime began, bool may);
  Task<Result<void>> begin_log(bool telling);
  Task<Result<void>> begin_again();
  Task<Result<void>> recall_foreign();
  Task<Result<std::string>> answer_control();
  Task<void> look();
  Task<void> reassert();
  Task<Result<bool>> assert_one(RecentEndings::One ending);
  void take(const store::ControlRow& row, bool telling);
  Task<void> upkeep();
  Task<void> write_notes();
  Task<void> prune();

  const SessionOptions options_;
  Versioned<const Keyed> keyed_;
  store::Store& store_;
  const Clock& clock_;
  const token::Issuer& issuer_;
  const token::Verifier& verifier_;
  outbound::Outbound* const outbound_;
  broker::Nodes* const nodes_;
  std::atomic<token::TrustedVerifier*> trusted_;

  RevocationIndex index_;
  ControlReader control_;
  LastSeen last_seen_;
  KeptNotes kept_;
  RefusalNotes refusals_;
  mutable ForeignSessions foreign_;
  std::vector<std::function<void(const Ending&)>> on_ended_;
  std::atomic<std::int64_t> restored_ms_{0};       // when the data was put in place by a restore; 0: never
  std::atomic<std::int64_t> in_touch_ns_;          // steady time of the last good read of the control log
  std::atomic<std::int64_t> decides_until_ns_{0};  // steady time; with other nodes
  std::atomic<bool> log_failing_{false};
  mutable Stats stats_;
  BrokerTouch touch_;
  mutable ControlFeed feed_;
  Settling settling_;
  RecentEndings recent_;
  bool loaded_ = false;
  std::string history_;                       // of the store, when its log was last begun
  std::deque<RecentEndings::One> reasserts_;  // to be written again: the store may have lost them
  Periodic look_;
  Periodic upkeep_;
  Periodic prune_;
};

}  // namespace gatecast::session
