// Server API: what a user's open connections are subscribed to, and when they end.
#include "core/log.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"
#include "server/json/position_in.hpp"
#include "server/nodes/node_calls.hpp"
#include "server/socket/connection.hpp"
#include "server/target.hpp"
#include "token/json_object.hpp"

namespace gatecast::server {
namespace {

/// The part of a token's `subs`, as a call has it; Centrifugo's clients send these as members of their own too.
Result<token::SubscriptionClaims> claims_of(const JsonIn& params) {
  JsonOut part;
  for (const std::string_view name : {"info", "b64info", "data", "b64data", "override"}) {
    if (params.has(name)) part.raw(name, params.raw(name));
  }
  const std::string text = part.done();
  const auto object = token::JsonObject::parse(text);
  auto claims = object ? token::read_subscription_claims(*object) : fail(Errc::token_claims, "info, data or override");
  if (!claims) return fail(Errc::field_invalid, claims.error().detail);
  auto& overrides = claims->overrides;
  const std::pair<std::string_view, std::optional<bool>*> flags[] = {
      {"presence", &overrides.presence},
      {"join_leave", &overrides.join_leave},
      {"push_join_leave", &overrides.force_push_join_leave},
      {"recoverable", &overrides.force_recovery},
      {"positioned", &overrides.force_positioning}};
  for (const auto& [name, into] : flags) {
    auto value = params.optional_bool(name);
    if (!value) return value.error();
    if (*value) *into = *value;
  }
  return claims;
}

/// Seconds since 1970 that a connection can end at; 0: not given.
Result<std::uint32_t> expiry_of(const JsonIn& params, WallTime now) {
  auto at = params.optional_integer("expire_at");
  if (!at) return at.error();
  const std::int64_t value = at->value_or(0);
  if (value == 0) return std::uint32_t{0};
  if (value <= unix_seconds(now) || value > 0xffffffff) {
    return fail(Errc::field_invalid, "expire_at: seconds since 1970, in the future");
  }
  return static_cast<std::uint32_t>(value);
}

constexpr std::int64_t kTokenLife_s = 3600;
constexpr std::int64_t kTokenLifeMax_s = std::int64_t{365} * 24 * 3600;

Result<token::SubscriptionToken> token_of(const ApiCall& call, const JsonIn& params) {
  auto user = params.text("user");
  if (!user) return user.error();
  auto channel = params.text("channel");
  if (!channel) return channel.error();
  if (is_personal(*channel)) return fail(Errc::permission_denied, "a personal channel is its user's alone");
  if (auto found = call.services().namespaces.find(*channel); !found) return found.error();
  auto client = params.optional_text("client");
  if (!client) return client.error();
  auto claims = claims_of(params);
  if (!claims) return claims.error();
  token::SubscriptionToken said{.channel = std::move(*channel), .user = std::move(*user)};
  if (!client->empty()) said.client = std::move(*client);
  said.claims = std::move(*claims);
  return said;
}

Result<Subscribing> wish_of(const Services& services, const JsonIn& params) {
  auto channel = params.text("channel");
  if (!channel) return channel.error();
  if (is_personal(*channel)) return fail(Errc::permission_denied, "a personal channel is its user's alone");
  auto found = services.namespaces.find(*channel);
  if (!found) return found.error();
  auto claims = claims_of(params);
  if (!claims) return claims.error();
  auto expires = expiry_of(params, services.clock.wall());
  if (!expires) return expires.error();
  auto since = position_in(params, "recover_since");
  if (!since) return since.error();
  Subscribing wish = subscribing(*channel, **found, std::move(*claims));
  wish.expires = *expires;
  if (wish.recoverable) wish.since = *since;
  return wish;
}

std::string count_json(std::size_t count) { return JsonOut().number("count", count).done(); }

/// Answers a call with an effect on connections wherever they are.
Task<Answer> done_everywhere(ApiCall& call, std::string_view kind, const JsonIn& params) {
  auto done = co_await everywhere(call.services(), kind, params);
  if (!done) co_return done.error();
  co_return std::string("{}");
}

}  // namespace

Task<Result<std::string>> subscribe_here(Services& services, const JsonIn& params) {
  auto target = target_of(params);
  if (!target) co_return target.error();
  auto wish = wish_of(services, params);
  if (!wish) co_return wish.error();
  co_return count_json(
      co_await at_connections(services, *target, [&wish](Connection& c) { c.subscribe_by_api(*wish); }));
}

Task<Result<std::string>> unsubscribe_here(Services& services, const JsonIn& params) {
  auto target = target_of(params);
  if (!target) co_return target.error();
  auto channel = params.text("channel");
  if (!channel) co_return channel.error();
  if (is_personal(*channel)) co_return fail(Errc::permission_denied, "a personal channel is its user's alone");
  co_return count_json(
      co_await at_connections(services, *target, [&channel](Connection& c) { c.unsubscribe_by_api(*channel); }));
}

Task<Result<std::string>> refresh_here(Services& services, const JsonIn& params) {
  auto target = target_of(params);
  if (!target) co_return target.error();
  auto expired = params.optional_bool("expired");
  if (!expired) co_return expired.error();
  auto expires = expiry_of(params, services.clock.wall());
  if (!expires) co_return expires.error();
  const bool ends = expired->value_or(false);
  co_return count_json(co_await at_connections(services, *target, [ends, at = *expires](Connection& c) {
    if (ends) return c.close(Errc::token_expired);
    c.refresh_by_api(at);
  }));
}

Task<Answer> api_subscribe(ApiCall& call, const JsonIn& params) { return done_everywhere(call, "subscribe", params); }

Task<Answer> api_unsubscribe(ApiCall& call, const JsonIn& params) {
  return done_everywhere(call, "unsubscribe", params);
}

Task<Answer> api_refresh(ApiCall& call, const JsonIn& params) {
  auto meant = co_await everywhere(call.services(), "refresh", params);
  if (!meant) co_return meant.error();
  const std::string user = params.text("user").value_or(std::string());
  log::info("refresh", {{"user", user}, {"connections", *meant}, {"actor", call.actor}});
  co_return std::string("{}");
}

Task<Answer> api_subscription_token(ApiCall& call, const JsonIn& params) {
  auto said = token_of(call, params);
  if (!said) co_return said.error();
  auto life = params.optional_integer("ttl");
  if (!life) co_return life.error();
  const std::int64_t seconds = life->value_or(kTokenLife_s);
  if (seconds < 1 || seconds > kTokenLifeMax_s) co_return fail(Errc::field_invalid, "ttl: 1 to 31536000 seconds");
  const WallTime now = call.services().clock.wall();
  auto expires = expiry_of(params, now);
  if (!expires) co_return expires.error();
  if (params.has("expire_at")) said->expires = *expires;
  const std::int64_t ends = unix_seconds(now) + seconds;
  auto token = call.services().sessions.mint_subscription(*said, ends);
  if (!token) co_return token.error();
  log::info("subscription_token", {{"user", said->user}, {"channel", said->channel}, {"actor", call.actor}});
  co_return JsonOut().text("token", *token).number("expires_at", ends).done();
}

}  // namespace gatecast::server
