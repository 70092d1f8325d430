// What a token says beyond who its bearer is: what others see of the connection, and which channels the server
// subscribes it to. The names are those of Centrifugo's tokens: info, b64info, channels, subs, expire_at; in a
// subscription's part info, b64info, data, b64data, override.
//
// Place: read by the server once a token is verified; the same part is in a subscription token. Pure; any thread.
// `info` and `data` are one JSON value each, as written. `subs` goes before `channels` where both name a channel.
// Bounds: those of the token (8192 bytes), 64 members of `subs`. Errors: token_claims, naming the claim.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace gatecast::token {

class JsonObject;

/// What holds of a subscription instead of the namespace's option.
struct SubscriptionOverrides {
  std::optional<bool> presence{};
  std::optional<bool> join_leave{};
  std::optional<bool> force_push_join_leave{};
  std::optional<bool> force_recovery{};
  std::optional<bool> force_positioning{};
};

/// What a token says of one subscription.
struct SubscriptionClaims {
  std::string info{};  // what others see of the subscriber; empty: nothing
  std::string data{};  // for the subscriber
  SubscriptionOverrides overrides{};
};

struct ServerSubscription {
  std::string channel;
  SubscriptionClaims claims{};
};

struct ConnectionClaims {
  std::string info{};  // what others see of the connection
  std::vector<ServerSubscription> subscriptions{};
  std::optional<std::int64_t> expire_at{};  // the connection's end instead of the token's; 0: none
};

/// From a token's further claims (Claims::extra_json).
Result<ConnectionClaims> read_connection_claims(std::string_view extra_json);
/// From an object with the members of one subscription.
Result<SubscriptionClaims> read_subscription_claims(const JsonObject& object);

}  // namespace gatecast::token
