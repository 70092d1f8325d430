#include "session/sessions.hpp"

#include <algorithm>

#include "crypto/random.hpp"

namespace gatecast::session {
namespace {

constexpr std::size_t kUserIdChars = 20;
constexpr std::size_t kIdentityIdChars = 20;
constexpr std::size_t kRefCodeChars = 8;
constexpr std::size_t kUserAgentBytesMax = 256;
// Longer ones were never given out, so they are not looked up.
constexpr std::size_t kRefCodeBytesMax = 64;
// What the audit of a refusal keeps of an address that may be anything.
constexpr std::size_t kNotedAddressBytesMax = 64;

/// At most `bytes` of a text, not ending within a character.
std::string cut(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return std::string(text.substr(0, bytes));
}

Error unavailable(const Error& cause) {
  return fail(Errc::temporarily_unavailable, fmt::format("{}: {}", info(cause.code).name, cause.detail));
}

}  // namespace

Result<std::unique_ptr<Sessions>> Sessions::make(SessionOptions options, const SessionKeyList& keys, Parts parts) {
  if (Result<void> checked = check_solana_sign_in(options.solana); !checked.has_value()) return checked.error();
  if (options.access_ttl.count() <= 0 || options.rotation.refresh_ttl < options.access_ttl ||
      options.absolute_ttl < options.access_ttl) {
    return fail(Errc::config_invalid, "token.access_ttl must be positive and not longer than the session");
  }
  Result<SidKeys> sids = SidKeys::make(keys);
  if (!sids.has_value()) return sids.error();
  Result<NonceKeys> nonces = NonceKeys::make(keys);
  if (!nonces.has_value()) return nonces.error();
  Result<RefreshKeys> refresh = RefreshKeys::make(keys);
  if (!refresh.has_value()) return refresh.error();
  return std::unique_ptr<Sessions>(
      new Sessions(std::move(options), std::move(*sids), std::move(*nonces), std::move(*refresh), parts));
}

Sessions::Sessions(SessionOptions options, SidKeys sids, NonceKeys nonces, RefreshKeys refresh, Parts parts)
    : options_(std::move(options)),
      sids_(std::move(sids)),
      nonces_(std::move(nonces)),
      refresh_(std::move(refresh)),
      store_(parts.store),
      clock_(parts.clock),
      issuer_(parts.issuer),
      verifier_(parts.verifier),
      index_({.token_life = options_.access_ttl, .entries_max = options_.revocations_max}),
      control_(parts.store, parts.clock),
      in_touch_ns_(parts.clock.steady().time_since_epoch().count()),
      upkeep_(options_.upkeep_every, [this] { return upkeep(); }),
      prune_(options_.prune_every, [this] { return prune(); }) {}

Result<Challenge> Sessions::challenge(const ChallengeRequest& request) {
  Result<Challenge> made = make_challenge(options_.solana, nonces_, request, clock_.wall());
  if (!made.has_value()) stats_.refused(made.error().code);
  return made;
}

Task<Result<Tokens>> Sessions::sign_in_wallet(WalletSignIn proof, ClientInfo client) {
  const std::string ip = client.ip;
  const std::string address = cut(proof.address, kNotedAddressBytesMax);
  Result<Tokens> tokens = co_await try_sign_in(std::move(proof), std::move(client));
  if (tokens.has_value()) {
    Stats::add(stats_.sign_ins);
    if (tokens->created) Stats::add(stats_.users_created);
  } else {
    stats_.refused(tokens.error().code);
    refusals_.note(tokens.error().code, ip, address, clock_.wall());
  }
  co_return tokens;
}

Task<Result<Tokens>> Sessions::try_sign_in(WalletSignIn proof, ClientInfo client) {
  if (proof.chain != kChainSolana) co_return fail(Errc::chain_unsupported);
  if (!options_.solana.enabled) co_return fail(Errc::signin_disabled);
  const bool signed_something = !proof.message.empty() || !proof.signed_message.empty();
  if (proof.signature.empty() || !signed_something) co_return fail(Errc::challenge_required);

  const WallTime now = clock_.wall();
  const identity::SolanaProof solana{std::move(proof.address), std::move(proof.message),
                                     std::move(proof.signed_message), std::move(proof.signature)};
  Result<identity::WalletClaim> claim = identity::verify_solana(solana, options_.solana.policy, now);
  if (!claim.has_value()) co_return claim.error();
  const std::string address = claim->address;
  Result<OpenedNonce> nonce =
      nonces_.open(claim->nonce, {Purpose::signin, kChainSolana, claim->address, claim->domain}, now);
  if (!nonce.has_value()) co_return nonce.error();

  const std::string secret = RefreshKeys::new_secret();
  Result<store::SignedIn> made =
      co_await store_sign_in(std::move(*claim), *nonce, std::move(proof.ref_code), std::move(client), secret, now);
  if (!made.has_value()) co_return made.error();
  const SteadyTime committed = clock_.steady();
  for (const store::SessionRow& ended : made->ended) spread(ended, committed);
  co_return mint({.user = std::move(made->user),
                  .session = std::move(made->session),
                  .address = address,
                  .secret = secret,
                  .created = made->created},
                 now);
}

Task<Result<store::SignedIn>> Sessions::store_sign_in(identity::WalletClaim claim, OpenedNonce nonce,
                                                      std::string ref_code, ClientInfo client, std::string secret,
                                                      WallTime now) {
  store::SignIn request;
  request.nonce = std::move(claim.nonce);
  request.nonce_expires = nonce.expires;
  request.kind = kChainSolana;
  request.subject = std::move(claim.address);
  request.new_user.id = crypto::random_id(kUserIdChars);
  request.new_user.ref_code = crypto::random_id(kRefCodeChars);
  request.new_user.created_at = now;
  request.identity_id = crypto::random_id(kIdentityIdChars);
  if (ref_code.size() <= kRefCodeBytesMax) request.ref_code = std::move(ref_code);
  request.session.how = kChainSolana;
  request.session.ip = std::move(client.ip);
  request.session.user_agent = cut(client.user_agent, kUserAgentBytesMax);
  request.session.created_at = now;
  request.session.last_seen_at = now;
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  request.session.absolute_expires_at = second + options_.absolute_ttl;
  const auto refresh_ttl = std::chrono::floor<std::chrono::seconds>(options_.rotation.refresh_ttl);
  request.session.expires_at = std::min<WallTime>(second + refresh_ttl, request.session.absolute_expires_at);
  request.secret_hash = RefreshKeys::hash(secret);
  request.sessions_max = options_.per_user;
  request.sid_for = [this](std::string_view user_id) { return sids_.issue(user_id); };
  co_return co_await store_.sign_in(std::move(request));
}

Result<Caller> Sessions::verify(std::string_view access_token) const {
  Result<token::Claims> claims = verifier_.verify(access_token, clock_.wall());
  if (!claims.has_value()) return claims.error();
  if (!sids_.verify(claims->sid, claims->sub)) return fail(Errc::session_unknown, "sid was not made here");
  std::string user_id = claims->sub;
  std::string sid = claims->sid;
  return Caller{std::move(user_id), std::move(sid), std::move(*claims)};
}

Standing Sessions::standing(const Caller& caller) const {
  const Standing known = index_.standing(caller.sid, caller.claims.iat, caller.claims.exp);
  if (known.kind == Standing::Kind::standing && out_of_touch() > options_.stale_after) {
    return {Standing::Kind::ask_store};
  }
  return known;
}

Result<Caller> Sessions::authenticate(std::string_view access_token) const {
  Result<Caller> caller = verify(access_token);
  if (caller.has_value()) {
    const Standing known = standing(*caller);
    if (known.kind == Standing::Kind::standing) return caller;
    caller = known.kind == Standing::Kind::ended ? fail(known.reason)
                                                 : fail(Errc::temporarily_unavailable, "only the store can say");
  }
  stats_.refused(caller.error().code);
  return caller;
}

Task<Result<Caller>> Sessions::authenticate_at_store(std::string access_token) {
  Result<Caller> caller = verify(access_token);
  if (caller.has_value()) {
    const Standing known = standing(*caller);
    if (known.kind == Standing::Kind::standing) co_return caller;
    Result<void> stands = fail(known.reason);
    if (known.kind == Standing::Kind::ask_store) stands = co_await ask_store(caller->sid, caller->user_id);
    if (stands.has_value()) co_return caller;
    caller = stands.error();
  }
  stats_.refused(caller.error().code);
  co_return caller;
}

Task<Result<void>> Sessions::ask_store(std::string sid, std::string user_id) {
  Stats::add(stats_.asked_store);
  Result<store::SessionView> view = co_await store_.session(sid);
  if (!view.has_value()) {
    if (view.error().code == Errc::session_unknown) co_return view.error();
    co_return unavailable(view.error());
  }
  const store::SessionRow& row = view->session;
  if (row.user_id != user_id) co_return fail(Errc::session_unknown, "session of another user");
  if (row.ended_at.has_value()) co_return fail(row.end_reason.value_or(Errc::signed_out));
  if (row.expires_at <= clock_.wall()) co_return fail(Errc::session_expired);
  if (view->user.blocked) co_return fail(Errc::user_blocked);
  co_return Result<void>{};
}

Task<Result<store::SessionView>> Sessions::session(Caller caller) {
  co_return co_await store_.session(std::move(caller.sid));
}

void Sessions::seen(const Caller& caller) {
  const WallTime now = clock_.wall();
  if (!last_seen_.note(caller.sid, now)) Stats::add(stats_.seen_dropped);
  if (!shows_kept(caller.claims.iat, now, options_.rotation.grace)) return;
  if (!kept_.note(caller.sid, caller.claims.gen)) Stats::add(stats_.seen_dropped);
}

Duration Sessions::out_of_touch() const {
  return clock_.steady() - SteadyTime{Duration{in_touch_ns_.load(std::memory_order_acquire)}};
}

}  // namespace gatecast::session
