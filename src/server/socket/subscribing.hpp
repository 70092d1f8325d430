// A subscription that is being made: what was asked for and what it may have, until the hub has answered.
//
// Place: made from a subscribe command, a token's channels or a call of the server API; Connection carries it through.
// Pure values; threads: its shard.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/position.hpp"
#include "hub/subscription.hpp"
#include "protocol/command.hpp"
#include "protocol/reply.hpp"
#include "server/config/config.hpp"
#include "server/json/publication_views.hpp"
#include "server/socket/seat.hpp"
#include "token/connection_claims.hpp"

namespace gatecast::server {

struct Subscribing {
  std::uint32_t id = 0;  // of the command
  std::string channel{};
  std::optional<broker::StreamPosition> since{};  // where the client was, if it is to get what it missed
  std::string chan_info{};
  std::string data{};        // for the subscriber
  std::int64_t expires = 0;  // seconds since 1970; 0: never
  Origin origin = Origin::client;
  bool keeps = false;  // the channel has a history
  bool positioned = false;
  bool recoverable = false;
  bool newest_only = false;
  bool joins = false;
  bool listed = false;
  bool told = false;
  bool reject_unrecovered = false;
  bool delta = false;         // takes differences
  bool granted = false;       // stands while the user holds `grant`
  std::uint8_t readings = 0;  // how often the store was asked for the user's grants
  std::string grant{};        // the resource; empty: there is none that opens the channel
  hub::FilterRef filter{};    // of what it wants; not with differences

  hub::SubscribeOptions options() const {
    return {
        .joins = joins, .recover = since, .newest_only = newest_only, .filter = filter, .delta = delta, .kept = keeps};
  }
};

/// What the namespace gives every subscriber, or the token says instead.
Subscribing subscribing(std::string_view channel, const NamespaceConfig& n, token::SubscriptionClaims claims);

/// The filter or the differences that a command asks for, where the namespace has them. `positioned` is settled before.
/// Errors: bad_request.
Result<void> take_forms(Subscribing& wish, const NamespaceConfig& n, const protocol::Command& command);

/// The hub's answer as the protocol has it, with what its views point to.
class SubscribedView {
 public:
  SubscribedView(const Subscribing& wish, const hub::Subscribed& done, WallTime now);
  SubscribedView(const SubscribedView&) = delete;
  SubscribedView& operator=(const SubscribedView&) = delete;
  const protocol::SubscribeResult& result() const { return result_; }

 private:
  PublicationViews publications_;
  std::string epoch_;
  protocol::SubscribeResult result_;
};

/// Seconds from now until then, as a time to live: at least 1.
std::uint32_t seconds_until(std::int64_t then, WallTime now);

}  // namespace gatecast::server
