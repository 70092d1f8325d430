// What Sessions does with tokens of trusted issuers. The store is never asked about them.
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

Result<store::Ended> Sessions::end_foreign(const std::string& sid, Errc reason) {
  const SteadyTime began = clock_.steady();
  const auto known = foreign_.end(sid, reason, clock_.wall());
  if (!known.has_value()) return known.error();
  if (known->now) {
    tell({sid, known->user_id, reason});
    stats_.revoked(clock_.steady() - began);
  }
  store::Ended ended;
  ended.session.sid = sid;
  ended.session.user_id = known->user_id;
  ended.session.ended_at = clock_.wall();
  ended.session.end_reason = known->reason;
  ended.now = known->now;
  return ended;
}

}  // namespace gatecast::session
