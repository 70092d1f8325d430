// What one shard serves with: its hub slice, its connections and users, its listeners, its read buffer.
//
// Place: made by Server, one a shard; connections reach everything through it. Owner: Server; threads: its shard, but
// for what says otherwise. Lifetime: from start to stop. Bounds: limits.connections connections, and kSurplus more that
// get an answer by HTTP and cannot become clients.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <vector>

#include "hub/hub.hpp"
#include "hub/shared_homes.hpp"
#include "limits/crowd.hpp"
#include "limits/pace.hpp"
#include "net/shard.hpp"
#include "net/socket.hpp"
#include "protocol/json_decoder.hpp"
#include "schema/routes.hpp"
#include "server/namespaces.hpp"
#include "server/socket/closed_connections.hpp"
#include "server/socket/users.hpp"
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
  Port port() const { return port_; }
  /// Takes everyone who waits.
  void take_all();

 private:
  void rest(Duration time);

  class Worker& worker_;
  net::Fd fd_;
  const Port port_;
  Loop::TimerId resting_ = 0;
};

class Worker final : public net::Turns {
 public:
  static constexpr std::size_t kReadBytes = 64 * 1024;
  /// Peers over limits.connections who are told so; those beyond are closed without a word.
  static constexpr std::size_t kSurplus = 256;
  static constexpr unsigned kHandshakesATurn = 16;

  /// `broker`: null where this process serves alone.
  Worker(net::Shard& shard, hub::Mesh& mesh, Services& services, std::unique_ptr<broker::Broker> broker);
  ~Worker();

  net::Shard& shard() { return shard_; }
  hub::Hub& hub() { return hub_; }
  Services& services() { return services_; }
  Users& users() { return users_; }
  ClosedConnections& closed() { return closed_; }
  protocol::JsonDecoder& decoder() { return decoder_; }
  const ws::Limits& ws_limits(bool compression) const { return compression ? ws_limits_deflate_ : ws_limits_; }
  /// Whether a TLS handshake may go on in this turn: each may cost a signature.
  bool may_shake_hands() { return handshakes_++ < kHandshakesATurn; }
  std::span<char> read_buffer() { return {read_buffer_.get(), kReadBytes}; }
  std::string& scratch() { return scratch_; }
  const limits::Pace& connection_pace() const { return connection_pace_; }
  const limits::Pace& user_pace() const { return user_pace_; }
  /// Connections that have not authenticated, by address.
  limits::Crowd& crowd() { return crowd_; }
  bool full() const;
  /// How long until one more connection may be accepted; none where it was taken account of.
  Duration accept_wait(Port port);
  /// Counts a peer that was not served; the log has one line a second of them.
  void note_refused(Errc code, std::string_view ip);

  /// Begins what is done every second. On the worker's shard.
  void start_ticking();
  /// Connects to the broker, where there is one; `close_all` ends that. On the worker's shard.
  void start_shared();

  /// Takes over a listening socket.
  void listen(net::Fd fd, Port port);
  void accept(net::Accepted accepted, Port port);
  /// New peers are not taken any more; those whom the kernel has taken still are.
  void take_nobody(Port port);
  /// Takes who waits, then closes the listeners of that port.
  void stop_listening(Port port);
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

  /// A message of the server to that user lies before this turn's end; `since`: when what it tells of was committed.
  void note_push(std::string_view user_id, SteadyTime since);

  /// Destroys every connection: the shard stops.
  void close_all();

  bool flush() override;
  bool may_take_data() const override { return hub_.may_take_data(); }

 private:
  void report_hub_stats();
  void report_slow_stats();
  void report_shared_stats(const hub::SharedHomes& homes);
  void tell_refused();
  void leave_blind();
  void tend();

  net::Shard& shard_;
  Services& services_;
  const std::unique_ptr<broker::Broker> broker_;
  hub::Hub hub_;
  Users users_;
  ClosedConnections closed_;
  protocol::JsonDecoder decoder_;
  ws::Limits ws_limits_;
  ws::Limits ws_limits_deflate_;
  std::unique_ptr<char[]> read_buffer_;
  std::string scratch_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> buried_;
  std::uint64_t last_id_ = 0;
  unsigned handshakes_ = 0;          // this turn's
  std::vector<SteadyTime> endings_;  // of this turn, until their close frames are sent
  std::vector<SteadyTime> pushes_;   // of this turn, until they are sent
  hub::HubStats reported_;
  std::size_t reported_subscriptions_ = 0;
  std::size_t reported_channels_ = 0;
  hub::HubStats reported_slowly_;
  std::uint64_t reported_evicted_ = 0;
  std::uint64_t reported_left_out_ = 0;
  hub::SharedStats reported_shared_;
  std::uint64_t reported_pushes_lost_ = 0;
  const limits::Pace connection_pace_;
  const limits::Pace user_pace_;
  const limits::Pace accept_pace_;
  limits::Debt accept_debt_ = 0;
  limits::Crowd crowd_;
  /// What the log has one line a second of.
  struct Refused {
    std::uint64_t count = 0;
    Errc code{};
    std::string ip;  // of the last
  };
  Refused refused_;  // peers at the socket
  Loop::TimerId tick_ = 0;
  Loop::TimerId tend_ = 0;
};

}  // namespace gatecast::server
