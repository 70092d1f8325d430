// What Sessions does with tokens of trusted issuers. The store knows of those that were ended, and of nothing else.
#include "session/control_kinds.hpp"
#include "session/sessions.hpp"

namespace gatecast::session {

/// Ours first; what is not ours goes to the trusted issuer whose `iss` it has.
Result<Caller> Sessions::verify_any(std::string_view access_token) const {
  Result<Caller> ours = verify(access_token);
  if (ours.has_value() || trusted() == nullptr) return ours;
  return verify_foreign(access_token, ours.error());
}

Result<Caller> Sessions::verify_foreign(std::string_view access_token, const Error& ours) const {
  const auto* others = trusted();
  if (others == nullptr || !others->claims_to_be(access_token)) return ours;
  return admit_foreign(others->verify(access_token, clock_.wall()));
}

Result<Caller> Sessions::admit_foreign(Result<token::ForeignClaims> claims) const {
  if (!claims.has_value()) return std::move(claims.error());
  std::string user_id = claims->claims.sub;
  std::string sid = claims->claims.sid;
  foreign_.note(sid, user_id, from_unix_seconds(claims->claims.exp) + token::kForeignLeeway);
  return Caller{.user_id = std::move(user_id),
                .sid = std::move(sid),
                .claims = std::move(claims->claims),
                .foreign = true,
                .issuer = std::move(claims->issuer_name)};
}

Result<token::SubscriptionToken> Sessions::subscription(std::string_view token, std::string_view sid) const {
  const WallTime now = clock_.wall();
  Result<token::SubscriptionToken> ours = verifier_.verify_subscription(token, now);
  const auto* trusted = this->trusted();
  if (ours || trusted == nullptr || !sid.starts_with(token::kForeignSidPrefix)) return ours;
  return trusted->verify_subscription(token, sid, now);
}

Task<Result<store::Ended>> Sessions::end_foreign(std::string sid, Errc reason) {
  const WallTime now = clock_.wall();
  auto known = foreign_.would_end(sid, reason);
  if (!known.has_value()) co_return known.error();
  if (known->now) {
    Result<void> written = co_await store_.end_foreign(sid, known->user_id, reason, now);
    if (!written.has_value()) co_return written.error();
  }
  const SteadyTime committed = clock_.steady();
  if (known->now) {
    take({.kind = std::string(kForeignEnded), .subject = sid, .user_id = known->user_id, .reason = reason, .at = now},
         true);
    stats_.revoked(clock_.steady() - committed);
  }
  co_await settling_.settled(committed);
  store::Ended ended;
  ended.session.sid = std::move(sid);
  ended.session.user_id = known->user_id;
  ended.session.ended_at = now;
  ended.session.end_reason = known->reason;
  ended.now = known->now;
  co_return ended;
}

}  // namespace gatecast::session
