// What a connection keeps of a subscription beyond what the hub knows: who was told of it, and when its token ends.
//
// Owner: the connection; threads: its shard. Only subscriptions that need it have one, so that idle connections stay
// small. Bounds: as many as subscriptions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/presence.hpp"
#include "core/compact_text.hpp"

namespace gatecast::server {

/// Who wanted a subscription: the client by a command, its token, or the application by the server API.
enum class Origin : std::uint8_t { client, token, api };

struct Seat {
  std::string channel;
  broker::ClientInfoRef who{};   // as others see the subscriber; null: nobody was told
  std::uint32_t expires_at = 0;  // seconds since 1970: when the subscription's token ends; 0: never
  bool listed = false;           // in the channel's presence
  bool told = false;             // its joining was told to others, and so will be its leaving
  Origin origin = Origin::client;
  CompactText grant{};  // the resource that opens the channel, while the user holds it; empty: none is asked for
};

/// What the client did not ask for it cannot ask for again: where that fails, the connection is closed.
inline bool by_server(const Seat& seat) { return seat.origin != Origin::client; }

struct Seats {
  std::string conn_info{};  // what the token says of the connection: JSON, or empty
  std::vector<Seat> all{};

  Seat* find(std::string_view channel) {
    for (auto& seat : all) {
      if (seat.channel == channel) return &seat;
    }
    return nullptr;
  }
};

}  // namespace gatecast::server
