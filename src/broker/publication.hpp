// A publication: one message of a channel, immutable once made, shared by shards.
//
// Place: made where it enters (server API, client command), numbered by the channel's home, read by every shard that
// has subscribers. Threads: any, it never changes after it is shared. Bounds: the frame limit bounds `data`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace gatecast::broker {

/// Where a stream stands: the offset of its newest publication, within one epoch. Offset 0: no history is kept.
struct StreamPosition {
  std::uint64_t offset = 0;
  std::string epoch{};
};

struct Publication {
  std::string channel;
  std::string data;    // JSON text, one line
  std::string user{};  // who published: user and connection; empty where the back end did
  std::string client{};
  std::uint64_t offset = 0;  // 0: the channel keeps no history
};

using PublicationRef = std::shared_ptr<const Publication>;

}  // namespace gatecast::broker
