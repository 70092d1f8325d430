// The connections of this shard that closed last, and why: what an operator asks for when someone says "I was thrown
// out".
//
// Place: the connection notes its end, the server API's `connections {closed: true}` reads. Owner: the worker;
// threads: its shard. Only clients that had connected are noted, so that strangers cannot push them out.
// Bounds: limits.closed_bytes_shard, the oldest go first; 0 keeps none.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "core/clock.hpp"
#include "schema/codes.hpp"

namespace gatecast::server {

struct ClosedConnection {
  std::string client;
  std::string user;
  std::string session;
  std::string ip;
  Errc reason{};           // what the server closed it for; Errc::ws_normal: the client did
  std::uint16_t code = 0;  // of the close frame; 0: there was none
  WallTime at{};
  std::int64_t age_s = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint32_t messages_in = 0;
};

class ClosedConnections {
 public:
  explicit ClosedConnections(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void note(ClosedConnection closed);
  /// Calls `fn`, the newest first, until it returns false.
  void each(const std::function<bool(const ClosedConnection&)>& fn) const;
  std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::deque<ClosedConnection> all_;
};

}  // namespace gatecast::server
