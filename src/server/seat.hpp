// What a connection keeps of a subscription beyond what the hub knows: who was told of it, and when its token ends.
//
// Owner: the connection; threads: its shard. Only subscriptions that need it have one, so that idle connections stay
// small. Bounds: as many as subscriptions.
#pragma once

#include <string>
#include <vector>

#include "broker/presence.hpp"

namespace gatecast::server {

struct Seat {
  std::string channel;
  broker::ClientInfoRef who{};   // as others see the subscriber; null: nobody was told
  std::uint32_t expires_at = 0;  // seconds since 1970: when the subscription's token ends; 0: never
  bool listed = false;           // in the channel's presence
  bool told = false;             // its joining was told to others, and so will be its leaving
  bool by_server = false;        // the client did not ask for it: where it fails, the connection is closed
};

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
