// What Sessions mints, renews and ends.
#include <algorithm>

#include "core/failpoint.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"
#include "session/sessions.hpp"

namespace gatecast::session {
namespace {

metrics::Renewal renewal_of(store::RotationDecision::Kind kind) {
  using Kind = store::RotationDecision::Kind;
  switch (kind) {
    case Kind::rotate: return metrics::Renewal::rotated;
    case Kind::repeat: return metrics::Renewal::repeated;
    case Kind::end: return metrics::Renewal::reused;
    case Kind::refuse: break;
  }
  return metrics::Renewal::refused;
}

}  // namespace

/// The life of the next access token: cut by chance, so that clients that came together do not renew together.
std::int64_t Sessions::access_life(std::string_view user_id) const {
  const auto ttl = options_.variants.access_ttl(options_.variants.of(user_id), options_.access_ttl).count();
  if (options_.jitter <= 0) return ttl;
  const double cut = options_.jitter * static_cast<double>(ttl) * crypto::random_share();
  return std::max<std::int64_t>(1, ttl - static_cast<std::int64_t>(cut));
}

Result<Tokens> Sessions::mint(Minting what, WallTime now) const {
  const std::int64_t issued = unix_seconds(now);
  const std::int64_t expires = std::min(issued + access_life(what.user.id), unix_seconds(what.session.expires_at));
  const token::Claims claims{
      .iss = verifier_.policy().issuer,
      .aud = {verifier_.policy().audience},
      .exp = expires,
      .iat = issued,
      .sub = what.user.id,
      .sid = what.session.sid,
      .jti = crypto::uuid_v4(),
      .gen = what.session.gen,
      .extra_json = options_.claims.extra_json({what.user, what.kind, what.subject, what.profile})};
  Result<std::string> access = issuer_.mint(claims);
  if (!access.has_value()) return access.error();
  return Tokens{
      .access = std::move(*access),
      .expires_in = expires - issued,
      .expires_at = from_unix_seconds(expires),
      .refresh = what.secret.empty() ? std::string{} : refresh().write(what.session.sid, what.session.gen, what.secret),
      .refresh_expires_at = what.session.expires_at,
      .user = std::move(what.user),
      .session = std::move(what.session),
      .kind = std::move(what.kind),
      .subject = std::move(what.subject),
      .profile = std::move(what.profile),
      .created = what.created,
      .repeated = what.repeated};
}

Task<Result<Tokens>> Sessions::renew(std::string refresh_token, ClientInfo client, std::string user_id) {
  const std::string ip = client.ip;
  Result<Tokens> tokens = co_await try_renew(std::move(refresh_token), std::move(client), std::move(user_id));
  if (!tokens.has_value()) {
    stats_.refused(tokens.error().code);
    refusals_.note(tokens.error().code, ip, "renewal", clock_.wall());
  }
  co_return tokens;
}

Task<Result<Tokens>> Sessions::try_renew(std::string refresh_token, ClientInfo client, std::string user_id) {
  Result<RefreshToken> shown = refresh().open(refresh_token);
  if (!shown.has_value()) {
    // Whose it would be is not known.
    metrics::count<"renewals_total">(metrics::Renewal::refused, metrics::Variant{});
    co_return shown.error();
  }
  if (!user_id.empty() && !sids().verify(shown->sid, user_id)) co_return fail(Errc::token_foreign, "refresh token");

  // The access token counts from before the commit: one whose session ends right after it dies with what the index
  // keeps of that ending.
  const WallTime now = clock_.wall();
  store::Renewal request;
  request.sid = shown->sid;
  request.secret_hash = RefreshKeys::hash(shown->secret);
  request.kept_gen = kept_.known(shown->sid);
  request.ip = std::move(client.ip);
  request.decide = [presented = shown->generation, rules = options_.rotation](
                       const store::RotationRow& row, WallTime at) { return decide(row, presented, at, rules); };
  Result<store::Renewed> renewed = co_await store_.renew(std::move(request));
  if (!renewed.has_value()) co_return renewed.error();
  GATECAST_FAILPOINT("session.renewed");

  using Kind = store::RotationDecision::Kind;
  const store::RotationDecision& decision = renewed->decision;
  metrics::count<"renewals_total">(renewal_of(decision.kind), variant_of(renewed->view.user.id));
  if (decision.kind == Kind::refuse) co_return fail(decision.reason, "session of the refresh token");
  store::SessionView& view = renewed->view;
  if (decision.kind == Kind::end) {
    co_await told({view.session});
    co_return fail(decision.reason, fmt::format("generation {} of {}", shown->generation, view.session.gen));
  }
  co_return mint({.user = std::move(view.user),
                  .session = std::move(view.session),
                  .kind = std::move(view.kind),
                  .subject = std::move(view.subject),
                  .profile = std::move(view.profile),
                  .secret = std::move(shown->secret)},
                 now);
}

/// An ending that this process has committed: the index first, then everyone who asked to be told.
void Sessions::spread(const store::SessionRow& ended, SteadyTime committed) {
  GATECAST_FAILPOINT("session.end_committed");
  const Ending ending{ended.sid, ended.user_id, ended.end_reason.value_or(Errc::signed_out)};
  if (learn(ending, ended.ended_at.value_or(clock_.wall())) != RevocationIndex::Added::added) return;
  tell(ending);
  GATECAST_FAILPOINT("session.end_told");
  stats_.revoked(clock_.steady() - committed);
}

// Also where nothing ended now: somebody else may have ended it just before, and is still waiting for the others.
Task<void> Sessions::told(std::vector<store::SessionRow> ended) {
  const SteadyTime committed = clock_.steady();
  for (const store::SessionRow& row : ended) spread(row, committed);
  co_await settling_.settled(committed);
}

RevocationIndex::Added Sessions::learn(const Ending& ending, WallTime ended_at) {
  const WallTime now = clock_.wall();
  const auto added = index_.add(ending.sid, ending.reason, ended_at, now);
  if (added == RevocationIndex::Added::added && now - ended_at < RecentEndings::kKept) {
    recent_.add({ending.sid, ending.user_id, ending.reason, ended_at}, clock_.steady());
  }
  return added;
}

void Sessions::tell(const Ending& ending) {
  stats_.ended(ending.reason);
  metrics::count<"sessions_ended_total">(ending.reason, variant_of(ending.user_id));
  for (const auto& callback : on_ended_) callback(ending);
}

Task<Result<store::Ended>> Sessions::end(std::string sid, Errc reason, std::string ip) {
  if (sid.starts_with(token::kForeignSidPrefix)) co_return co_await end_foreign(std::move(sid), reason);
  if (!SidKeys::well_formed(sid)) co_return fail(Errc::session_unknown, "form");
  Result<store::Ended> ended = co_await store_.end_session(std::move(sid), reason, clock_.wall(), std::move(ip));
  if (ended.has_value()) co_await told({ended->session});
  co_return ended;
}

Task<Result<std::size_t>> Sessions::end_others(std::string user_id, std::string keep_sid, std::string ip) {
  if (keep_sid.empty()) co_return fail(Errc::session_unknown, "none to keep");
  co_return co_await end_many(std::move(user_id), std::move(keep_sid), std::move(ip));
}

Task<Result<std::size_t>> Sessions::end_all(std::string user_id, std::string ip) {
  co_return co_await end_many(std::move(user_id), {}, std::move(ip));
}

Task<Result<std::size_t>> Sessions::end_many(std::string user_id, std::string keep_sid, std::string ip) {
  auto ended = co_await store_.end_sessions(std::move(user_id), std::move(keep_sid), Errc::signed_out, clock_.wall(),
                                            std::move(ip));
  if (!ended.has_value()) co_return ended.error();
  const std::size_t count = ended->size();
  co_await told(std::move(*ended));
  co_return count;
}

Task<Result<void>> Sessions::end_own(std::string user_id, std::string sid, std::string ip) {
  // The id says whose it is, so others' sessions look like none.
  if (!sids().verify(sid, user_id)) co_return fail(Errc::not_found, "no session of this user");
  Result<store::Ended> ended = co_await end(std::move(sid), Errc::signed_out, std::move(ip));
  if (ended.has_value()) co_return Result<void>{};
  if (ended.error().code == Errc::session_unknown) co_return fail(Errc::not_found, "session");
  co_return ended.error();
}

Task<Result<std::vector<store::SessionRow>>> Sessions::list(std::string user_id) {
  co_return co_await store_.sessions_of(std::move(user_id), clock_.wall());
}

Task<Result<void>> Sessions::require_fresh(Caller caller) {
  Result<store::SessionView> view = co_await store_.session(std::move(caller.sid));
  if (!view.has_value()) co_return view.error();
  if (clock_.wall() - view->session.created_at > options_.fresh_signin) co_return fail(Errc::fresh_signin_required);
  co_return Result<void>{};
}

}  // namespace gatecast::session
