// A publication: one message of a channel, immutable once its home has numbered it, shared by shards.
//
// Place: made where it enters (server API, client command), numbered by the channel's home, read by every shard that
// has subscribers. Threads: any, it never changes after it is shared. Bounds: the frame limit bounds `data`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/position.hpp"

namespace gatecast::broker {

/// What the subscribers see: a message, or that somebody has come or gone.
enum class PublicationKind : std::uint8_t { message, join, leave };

struct Publication {
  std::string channel;
  std::string data;    // JSON text, one line
  std::string user{};  // who published, came or went: user and connection; empty where the back end published
  std::string client{};
  std::string conn_info{};  // what the connection and the subscription say of them: JSON, or empty
  std::string chan_info{};
  std::vector<std::pair<std::string, std::string>> tags{};
  std::uint64_t offset = 0;  // 0: the channel keeps no history
  std::uint64_t epoch = 0;   // of the offset
  PublicationKind kind = PublicationKind::message;
  bool delta = false;  // may be sent as its difference from the publication before
};

using PublicationRef = std::shared_ptr<const Publication>;

}  // namespace gatecast::broker
