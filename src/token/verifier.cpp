#include "token/verifier.hpp"

#include "token/json_object.hpp"
#include "token/jws.hpp"
#include "token/subscription_token.hpp"

namespace gatecast::token {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

/// RFC 9068 §4: the media type with or without its prefix (RFC 7515 §4.1.9).
bool is_access_type(const std::optional<std::string>& typ) {
  return typ && (equal_ignoring_case(*typ, "at+jwt") || equal_ignoring_case(*typ, "application/at+jwt"));
}

Result<void> judge(const Claims& claims, const VerifierPolicy& policy, WallTime now) {
  if (claims.iss != policy.issuer) return fail(Errc::token_issuer, fmt::format("expected {}", policy.issuer));
  if (std::find(claims.aud.begin(), claims.aud.end(), policy.audience) == claims.aud.end()) {
    return fail(Errc::token_audience, fmt::format("expected {}", policy.audience));
  }
  const std::int64_t seconds = unix_seconds(now);
  if (seconds >= claims.exp) {
    return fail(Errc::token_expired, fmt::format("expired {} s ago", seconds - claims.exp));
  }
  if (claims.nbf && *claims.nbf > seconds) {
    return fail(Errc::token_not_yet_valid, fmt::format("valid in {} s", *claims.nbf - seconds));
  }
  return {};
}

}  // namespace

Result<Claims> Verifier::verify(std::string_view token, WallTime now) const {
  const KeyRing& ring = this->ring();
  const auto jws = parse_jws(token, &ring);
  if (!jws) return jws.error();
  const auto object = JsonObject::parse(jws->payload);
  if (!object) return fail(Errc::token_malformed, "the payload is not one JSON object");
  if (const auto key = check_signature(*jws, ring, now); !key) return key.error();
  if (!jws->own && !is_access_type(jws->typ)) return fail(Errc::token_type, "typ is not at+jwt");
  auto claims = read_claims(*object);
  if (!claims) return claims;
  if (auto good = judge(*claims, policy_, now); !good) return std::move(good.error());
  return claims;
}

Result<SubscriptionToken> Verifier::verify_subscription(std::string_view token, WallTime now) const {
  return verify_subscription_token(token, ring(), policy_, now);
}

}  // namespace gatecast::token
