#include "token/subscription_token.hpp"

#include <algorithm>

#include "token/json_object.hpp"
#include "token/jws.hpp"

namespace gatecast::token {
namespace {

constexpr std::size_t kMaxAudiences = 16;
/// A subscription does not outlive its token by more; longer is somebody's mistake.
constexpr std::int64_t kLongestSeconds = std::int64_t{365} * 24 * 3600;

Error wrong(std::string_view claim) {
  return fail(Errc::token_claims, fmt::format("{} is missing or malformed", claim));
}

/// Reads an optional text; false where the member is there and is none.
bool read_text(const JsonObject& object, std::string_view claim, std::optional<std::string>& out) {
  const JsonMember* member = object.find(claim);
  if (member == nullptr) return true;
  out = json_string(*member);
  return out.has_value();
}

bool read_integer(const JsonObject& object, std::string_view claim, std::optional<std::int64_t>& out) {
  const JsonMember* member = object.find(claim);
  if (member == nullptr) return true;
  out = json_integer(*member);
  return out.has_value();
}

/// Where the token names an audience, ours is among them.
bool audience_fits(const JsonObject& object, const std::string& ours) {
  const JsonMember* member = object.find("aud");
  if (member == nullptr || ours.empty()) return true;
  if (const auto one = json_string(*member)) return *one == ours;
  const auto several = json_strings(*member, kMaxAudiences);
  return several && std::find(several->begin(), several->end(), ours) != several->end();
}

Result<void> judge_times(const SubscriptionToken& token, std::optional<std::int64_t> exp,
                         std::optional<std::int64_t> nbf, WallTime now) {
  const std::int64_t seconds = unix_seconds(now);
  if (exp && seconds >= *exp) return fail(Errc::token_expired, fmt::format("expired {} s ago", seconds - *exp));
  if (nbf && seconds < *nbf) return fail(Errc::token_not_yet_valid, fmt::format("valid in {} s", *nbf - seconds));
  if (token.expires && *token.expires <= seconds) return fail(Errc::token_expired, "expire_at lies in the past");
  return {};
}

}  // namespace

Result<SubscriptionToken> verify_subscription_token(std::string_view token, const KeyRing& ring,
                                                    const VerifierPolicy& policy, WallTime now) {
  const auto jws = parse_jws(token);
  if (!jws) return jws.error();
  const auto object = JsonObject::parse(jws->payload);
  if (!object) return fail(Errc::token_malformed, "the payload is not one JSON object");
  if (const auto key = check_signature(*jws, ring, now); !key) return key.error();
  return read_subscription_token(*jws, *object, policy, now);
}

Result<SubscriptionToken> read_subscription_token(const Jws& jws, const JsonObject& object,
                                                  const VerifierPolicy& policy, WallTime now) {
  // An access token is for connecting; one that named a channel would otherwise be both.
  if (jws.typ && jws.typ->find("at+jwt") != std::string::npos) return fail(Errc::token_type, "an access token");

  SubscriptionToken read;
  std::optional<std::string> channel, user, issuer;
  std::optional<std::int64_t> exp, nbf, expire_at;
  if (!read_text(object, "channel", channel) || !channel || channel->empty()) return wrong("channel");
  if (!read_text(object, "sub", user)) return wrong("sub");
  if (!read_text(object, "client", read.client)) return wrong("client");
  if (!read_text(object, "iss", issuer)) return wrong("iss");
  if (!read_integer(object, "exp", exp)) return wrong("exp");
  if (!read_integer(object, "nbf", nbf)) return wrong("nbf");
  if (!read_integer(object, "expire_at", expire_at)) return wrong("expire_at");
  if (issuer && *issuer != policy.issuer) return fail(Errc::token_issuer, fmt::format("expected {}", policy.issuer));
  if (!audience_fits(object, policy.audience)) {
    return fail(Errc::token_audience, fmt::format("expected {}", policy.audience));
  }
  read.channel = *std::move(channel);
  read.user = user.value_or("");
  auto claims = read_subscription_claims(object);
  if (!claims) return claims.error();
  read.claims = *std::move(claims);
  // `expire_at` says when the subscription ends, whatever the token's own life is; 0: never.
  read.expires = expire_at ? (*expire_at == 0 ? std::nullopt : expire_at) : exp;
  if (read.expires) *read.expires = std::min(*read.expires, unix_seconds(now) + kLongestSeconds);
  if (auto timely = judge_times(read, exp, nbf, now); !timely) return timely.error();
  return read;
}

}  // namespace gatecast::token
