#include "session/sessions.hpp"

namespace gatecast::session {
namespace {

/// What a foreign token says of itself, in the form of a session of ours.
store::SessionView foreign_view(const Caller& caller) {
  store::SessionView view;
  view.session.sid = caller.sid;
  view.session.user_id = caller.user_id;
  view.session.how = "trusted:" + caller.issuer;
  view.session.created_at = view.session.last_seen_at = from_unix_seconds(caller.claims.iat);
  view.session.expires_at = view.session.absolute_expires_at = from_unix_seconds(caller.claims.exp);
  view.user.id = caller.user_id;
  return view;
}

Error unavailable(const Error& cause) {
  return fail(Errc::temporarily_unavailable, fmt::format("{}: {}", info(cause.code).name, cause.detail));
}

}  // namespace

Result<std::unique_ptr<Sessions>> Sessions::make(SessionOptions options, const SessionKeyList& keys, Parts parts) {
  const std::chrono::seconds longest = options.variants.longest(options.access_ttl);
  if (options.access_ttl.count() <= 0 || options.rotation.refresh_ttl < longest || options.absolute_ttl < longest) {
    return fail(Errc::config_invalid, "token.access_ttl must be positive and not longer than the session");
  }
  if (options.registration == Registration::ask && (options.hook.url.empty() || parts.outbound == nullptr)) {
    return fail(Errc::config_invalid, "signin.hook_url: nobody to ask");
  }
  auto keyed = Keyed::make(options, keys, parts.outbound);
  if (!keyed.has_value()) return keyed.error();
  return std::unique_ptr<Sessions>(new Sessions(std::move(options), std::move(*keyed), parts));
}

Result<std::unique_ptr<const Sessions::Keyed>> Sessions::Keyed::make(const SessionOptions& options,
                                                                     const SessionKeyList& keys,
                                                                     outbound::Outbound* outbound) {
  Result<SidKeys> sids = SidKeys::make(keys);
  if (!sids.has_value()) return sids.error();
  Result<Proofs> proofs = Proofs::make(
      {.solana = options.solana, .ethereum = options.ethereum, .telegram = options.telegram}, keys, outbound);
  if (!proofs.has_value()) return proofs.error();
  Result<RefreshKeys> refresh = RefreshKeys::make(keys);
  if (!refresh.has_value()) return refresh.error();
  Result<TicketKeys> tickets = TicketKeys::make(keys);
  if (!tickets.has_value()) return tickets.error();
  return std::make_unique<const Keyed>(
      Keyed{std::move(*sids), std::move(*proofs), std::move(*refresh), std::move(*tickets)});
}

Result<void> Sessions::take_keys(const SessionKeyList& keys) {
  auto keyed = Keyed::make(options_, keys, outbound_);
  if (!keyed.has_value()) return keyed.error();
  keyed_.replace(std::move(*keyed), clock_.steady());
  return {};
}

Sessions::Sessions(SessionOptions options, std::unique_ptr<const Keyed> keyed, Parts parts)
    : options_(std::move(options)),
      keyed_(std::move(keyed)),
      store_(parts.store),
      clock_(parts.clock),
      issuer_(parts.issuer),
      verifier_(parts.verifier),
      outbound_(parts.outbound),
      nodes_(parts.nodes),
      trusted_(parts.trusted),
      index_({.token_life = options_.variants.longest(options_.access_ttl), .entries_max = options_.revocations_max}),
      control_(parts.store, parts.clock,
               {.full_every = parts.nodes == nullptr ? Duration{} : options_.control_full_every}),
      in_touch_ns_(parts.clock.steady().time_since_epoch().count()),
      touch_(parts.nodes),
      feed_([this] { return read_control(); }),
      settling_({.nodes = parts.nodes,
                 .clock = parts.clock,
                 .touch = touch_,
                 .stats = stats_,
                 .leave_over = options_.leave_over}),
      look_(options_.control_every, [this] { return look(); }),
      upkeep_(options_.upkeep_every, [this] { return upkeep(); }),
      prune_(options_.prune_every, [this] { return prune(); }) {
  if (nodes_ == nullptr) return;
  nodes_->on(std::string(kControlQuestion), [this](std::string, std::string) { return answer_control(); });
  nodes_->on_lost([this] { touch_.lost(); });
}

Result<Caller> Sessions::verify(std::string_view access_token) const {
  Result<token::Claims> claims = verifier_.verify(access_token, clock_.wall());
  if (!claims.has_value()) return claims.error();
  if (!sids().verify(claims->sid, claims->sub)) return fail(Errc::session_unknown, "sid was not made here");
  std::string user_id = claims->sub;
  std::string sid = claims->sid;
  return Caller{std::move(user_id), std::move(sid), std::move(*claims)};
}

Standing Sessions::standing(const Caller& caller) const {
  if (caller.foreign) {
    const auto reason = foreign_.ended(caller.sid, clock_.wall());
    if (reason) return {Standing::Kind::ended, *reason};
    return {nodes_ == nullptr || may_decide() ? Standing::Kind::standing : Standing::Kind::ask_store};
  }
  const Standing known = index_.standing(caller.sid, caller.claims.iat, caller.claims.exp);
  if (known.kind == Standing::Kind::standing && !may_decide()) return {Standing::Kind::ask_store};
  return known;
}

Result<Caller> Sessions::authenticate(std::string_view access_token) const {
  Result<Caller> caller = verify_any(access_token);
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
  Result<Caller> caller = verify_any(access_token);
  const bool keys_missing = !caller.has_value() && caller.error().code == Errc::temporarily_unavailable;
  if (auto* others = trusted(); keys_missing && others != nullptr) {
    Result<token::ForeignClaims> claims = co_await others->verify_async(std::move(access_token));
    caller = admit_foreign(std::move(claims));
  }
  if (caller.has_value()) {
    const Standing known = standing(*caller);
    if (known.kind == Standing::Kind::standing) co_return caller;
    if (known.kind == Standing::Kind::ended) {
      caller = fail(known.reason);
    } else {
      caller = co_await ask_about(std::move(*caller));
      // An answer that was so long on its way is about a time after which the session may have ended for everyone.
      if (caller.has_value() && !judged_lately(*caller)) caller = co_await ask_about(std::move(*caller));
      if (caller.has_value() && !judged_lately(*caller)) caller = fail(Errc::temporarily_unavailable, "answered late");
    }
    if (caller.has_value()) co_return caller;
  }
  stats_.refused(caller.error().code);
  co_return caller;
}

// Where the index lacks nothing but news, one new read of the log serves everyone who asks meanwhile, so that many
// calls at once do not become as many queries. A foreign session has no row: only the log can say.
Task<Result<Caller>> Sessions::ask_about(Caller caller) {
  caller.judged = clock_.steady();
  const auto known = [this, &caller] {
    if (!caller.foreign) return index_.standing(caller.sid, caller.claims.iat, caller.claims.exp);
    const auto reason = foreign_.ended(caller.sid, clock_.wall());
    return reason ? Standing{Standing::Kind::ended, *reason} : Standing{};
  };
  const bool by_log = nodes_ != nullptr && known().kind == Standing::Kind::standing;
  if (by_log && (caller.foreign || !log_failing_.load(std::memory_order_acquire))) {
    Stats::add(stats_.asked_log);
    Result<void> read = co_await feed_.fresh();
    if (!read.has_value() && caller.foreign) co_return unavailable(read.error());
    const Standing now = known();
    if (now.kind == Standing::Kind::ended) co_return fail(now.reason);
    if (read.has_value() && now.kind == Standing::Kind::standing) co_return caller;
  }
  if (caller.foreign) co_return caller;
  Result<store::SessionView> asked = co_await ask_store(caller.sid, caller.user_id);
  if (!asked.has_value()) co_return asked.error();
  co_return caller;
}

bool Sessions::judged_lately(const Caller& caller) const {
  return nodes_ == nullptr || clock_.steady() < caller.judged + options_.leave;
}

/// Whether the row says that the session stands, and is that user's.
Result<void> Sessions::stands(const store::SessionView& view, std::string_view user_id) const {
  const store::SessionRow& row = view.session;
  if (row.user_id != user_id) return fail(Errc::session_unknown, "session of another user");
  if (row.ended_at.has_value()) return fail(row.end_reason.value_or(Errc::signed_out));
  if (row.expires_at <= clock_.wall()) return fail(Errc::session_expired);
  if (view.user.blocked) return fail(Errc::user_blocked);
  return {};
}

Task<Result<store::SessionView>> Sessions::ask_store(std::string sid, std::string user_id) {
  Stats::add(stats_.asked_store);
  Result<store::SessionView> view = co_await store_.session(sid);
  if (!view.has_value()) {
    if (view.error().code == Errc::session_unknown) co_return view.error();
    co_return unavailable(view.error());
  }
  if (Result<void> good = stands(*view, user_id); !good.has_value()) co_return good.error();
  co_return view;
}

Task<Result<store::SessionView>> Sessions::session(Caller caller) {
  if (caller.foreign) co_return foreign_view(caller);
  co_return co_await store_.session(std::move(caller.sid));
}

void Sessions::seen(const Caller& caller) {
  if (caller.foreign) return;
  const WallTime now = clock_.wall();
  if (!last_seen_.note(caller.sid, now)) Stats::add(stats_.seen_dropped);
  // Who minted may have a clock that is behind this one's: a token must not look older than it is.
  const Duration apart = nodes_ == nullptr ? Duration{} : Duration{kClockSkewMax};
  if (!shows_kept(caller.claims.iat, now, options_.rotation.grace + apart)) return;
  if (!kept_.note(caller.sid, caller.claims.gen)) Stats::add(stats_.seen_dropped);
}

bool Sessions::may_decide() const {
  if (nodes_ == nullptr) return out_of_touch() <= options_.stale_after;
  return clock_.steady() < SteadyTime{Duration{decides_until_ns_.load(std::memory_order_acquire)}};
}

Duration Sessions::out_of_touch() const {
  return clock_.steady() - SteadyTime{Duration{in_touch_ns_.load(std::memory_order_acquire)}};
}

}  // namespace gatecast::session
