// What one shard serves with: its hub slice, its connections and users, its listeners, its read buffer.
//
// Place: made by Server, one a shard; connections reach everything through it. Owner: Server; threads: its shard, but
// for what says otherwise. Lifetime: from start to stop. Bounds: limits.connections connections.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <vector>

#include "hub/hub.hpp"
#include "net/shard.hpp"
#include "net/socket.hpp"
#include "protocol/json_decoder.hpp"
#include "schema/routes.hpp"
#include "server/namespaces.hpp"
#include "server/users.hpp"
#include "ws/decoder.hpp"

namespace gatecast::server {

class Connection;
struct Services;

/// A listening socket of one shard and which port it is.
class Listener final : public net::Ready {
 public:
  Listener(class Worker& worker, net::Fd fd, Port port) : worker_(worker), fd_(std::move(fd)), port_(port) {}
  ~Listener();
  void on_ready(std::uint32_t events) override;
  int fd() const { return fd_.get(); }

 private:
  void rest();

  class Worker& worker_;
  net::Fd fd_;
  const Port port_;
  Loop::TimerId resting_ = 0;
};

class Worker final : public net::Turns {
 public:
  static constexpr std::size_t kReadBytes = 64 * 1024;

  Worker(net::Shard& shard, hub::Mesh& mesh, Services& services);
  ~Worker();

  net::Shard& shard() { return shard_; }
  hub::Hub& hub() { return hub_; }
  Services& services() { return services_; }
  Users& users() { return users_; }
  protocol::JsonDecoder& decoder() { return decoder_; }
  const ws::Limits& ws_limits(bool compression) const { return compression ? ws_limits_deflate_ : ws_limits_; }
  std::span<char> read_buffer() { return {read_buffer_.get(), kReadBytes}; }
  std::string& scratch() { return scratch_; }

  /// Begins what is done every second. On the worker's shard.
  void start_ticking();

  /// Takes over a listening socket.
  void listen(net::Fd fd, Port port);
  void accept(net::Accepted accepted, Port port);
  void stop_listening();
  /// The open connection of that id, or null.
  Connection* find(std::uint64_t id);
  /// Destroys the connection at the end of the turn.
  void bury(Connection& connection);
  std::size_t connection_count() const { return connections_.size(); }
  /// Calls `fn` for each connection; it may close them.
  void each_connection(const std::function<void(Connection&)>& fn);

  /// Calls `fn` for each connection of the user; it must not close them.
  void each_of(const User& user, const std::function<void(Connection&)>& fn);

  /// Ends every connection of that user (of that session where `sid` is not empty); gives their number.
  /// `since`: when the ending was committed, for revocation_closed_seconds.
  std::size_t end_session(std::string_view user_id, std::string_view sid, Errc reason, SteadyTime since);

  /// Destroys every connection: the shard stops.
  void close_all();

  bool flush() override;
  bool may_take_data() const override { return hub_.may_take_data(); }

 private:
  void report_hub_stats();

  net::Shard& shard_;
  Services& services_;
  hub::Hub hub_;
  Users users_;
  protocol::JsonDecoder decoder_;
  ws::Limits ws_limits_;
  ws::Limits ws_limits_deflate_;
  std::unique_ptr<char[]> read_buffer_;
  std::string scratch_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> buried_;
  std::uint64_t last_id_ = 0;
  std::vector<SteadyTime> endings_;  // of this turn, until their close frames are sent
  hub::HubStats reported_;
  std::size_t reported_subscriptions_ = 0;
  std::size_t reported_channels_ = 0;
  Loop::TimerId tick_ = 0;
};

}  // namespace gatecast::server
