// One accepted socket: HTTP requests first, a WebSocket client after an upgrade, until it closes.
//
// Place: between net (bytes), the codecs (http, ws, protocol) and the hub. Owner: its worker; threads: its shard.
// A handler that awaits holds the connection's id, never a pointer. Lifetime: buried, then destroyed at the turn's end.
// Bounds: one request or one command at a time; behind one that waits the rest of its frame and one read buffer are
// kept, then nothing is read. Every phase has a deadline: the request's head, keep-alive, the connect command, pongs,
// the token's end, the closing handshake.
//
//   http ── upgrade ──> unconnected ── connect ──> connected ──┐
//     └──────────────────────┴────────── close ────────────────┴──> closing ──> buried
#pragma once

#include <array>
#include <memory>
#include <string>

#include "core/compact_text.hpp"
#include "http/parser.hpp"
#include "hub/client.hpp"
#include "net/epoll_loop.hpp"
#include "net/socket.hpp"
#include "net/timer_wheel.hpp"
#include "protocol/command.hpp"
#include "server/namespaces.hpp"
#include "server/services.hpp"
#include "server/socket/seat.hpp"
#include "server/socket/subscribing.hpp"
#include "server/socket/users.hpp"
#include "server/socket/worker.hpp"
#include "session/sessions.hpp"
#include "token/subscription_token.hpp"
#include "ws/decoder.hpp"
#include "ws/encoder.hpp"

namespace gatecast::access {
enum class Verdict : std::uint8_t;
}

namespace gatecast::server {

class Connection final : public hub::Client, public net::Ready, public net::Timed {
 public:
  Connection(Worker& worker, std::uint64_t id, net::Stream stream, std::string ip, Port port);
  ~Connection();

  std::uint64_t id() const { return id_; }
  Port port() const { return port_; }
  /// The client's id in the protocol, a UUID.
  std::string client_id() const;
  std::string_view sid() const { return sid_; }
  const User* user() const { return user_; }
  /// Empty before the connect command, and of nobody.
  std::string_view user_id() const { return user_ == nullptr ? std::string_view() : user_->id.view(); }
  bool connected() const { return phase_ == Phase::connected; }
  /// A client since its upgrade, to its end.
  bool client() const { return http_ == nullptr; }
  std::string_view ip() const { return ip_; }
  bool compressed() const { return deflates_; }
  std::int64_t opened_at() const { return opened_at_; }
  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint32_t messages_in() const { return messages_in_; }
  std::uint32_t round_trip_us() const { return round_trip_us_; }

  /// What a command of that many bytes counts against the rates: 4 KB are as dear as another command.
  static constexpr std::uint32_t cost_of(std::size_t bytes) { return 1 + static_cast<std::uint32_t>(bytes / 4096); }

  /// Begins to watch the socket.
  void open();
  /// Ends a client's connection: disconnect push, close frame with the code, then TCP. `keep` sends what was published
  /// before. Further calls change nothing.
  void close(Errc code, bool keep = true);
  void close(std::uint16_t code, std::string_view reason, bool keep = true);
  /// The session ended: nothing more is taken or delivered, then the close code says why.
  void mute_ended();
  void close_ended(Errc reason);

  /// Whether a grant opened one of its channels.
  bool has_granted() const;
  /// Ends the subscriptions whose grant is gone; true where some could not be judged (connection_grants.cpp). With
  /// `all_unread_end` those end too.
  bool rejudge_grants(bool all_unread_end);

  // What the application does to a connection (server_subscriptions.cpp).
  /// Subscribes the client, which is told by a push; nothing where it is subscribed, or not connected (any more).
  void subscribe_by_api(Subscribing wish);
  /// Ends a subscription, whoever wanted it; the client is told. Nothing where there is none.
  void unsubscribe_by_api(std::string_view channel);
  /// The connection's end becomes `expires_at`, seconds since 1970; 0: never.
  void refresh_by_api(std::uint32_t expires_at);

  /// The server goes down: a client is told to connect elsewhere, an HTTP peer gets its answer and no more. Again and
  /// again until it is gone.
  void leave();

  void on_ready(std::uint32_t events) override;
  void on_time() override;

 private:
  friend class Worker;
  /// A peer that was told to go has this long to answer before TCP is cut.
  static constexpr Duration kCloseWait = std::chrono::seconds(5);
  /// The official SDKs renew a token, the connection's or a subscription's, when its time to live ends, not before:
  /// they get this long to do it (protocol §7.5).
  static constexpr std::int64_t kExpiredGrace_s = 25;
  enum class Phase : std::uint8_t { http, unconnected, connected, closing, buried };

  /// What only exists while the connection speaks HTTP.
  struct Http {
    explicit Http(http::Limits limits) : parser(limits) {}
    http::RequestParser parser;
    std::string ahead;   // bytes of the next request, read while this one is answered
    bool asked = false;  // a whole request has come
    bool answering = false;
    bool continued = false;
    bool ended = false;  // the peer sends no more; what it asked for is still answered
    bool last = false;   // the answer that ends the connection is queued: what else comes is thrown away
    SteadyTime began{};
  };
  /// What was read behind a command that waits.
  struct Behind {
    std::string frame;  // its frame's later commands, from `taken` on
    std::size_t taken = 0;
    std::size_t count = 0;  // the frame's earlier commands
    std::string bytes;      // of the socket, behind that frame
  };
  using Since = std::pair<std::string, broker::StreamPosition>;
  /// A verified connect command that waits for the channels which the server subscribes it to.
  struct Joining {
    struct Channel {
      Subscribing wish;
      hub::Subscribed done{};
    };
    std::uint32_t id = 0;  // of the command
    session::Caller caller{};
    std::vector<Channel> channels{};
    std::size_t open = 0;  // those not answered yet
  };
  /// What only exists between the upgrade and the connect command's reply, or while a command waits.
  struct Pending {
    std::string token;    // of the upgrade request, or empty
    std::string request;  // the upgrade's id, in the log
    bool token_in_query = false;
    Behind behind;
    std::uint32_t connect_id = 0;
    std::vector<Since> since{};  // where the client was on channels that the server subscribes it to
    std::unique_ptr<Joining> joining{};
    std::optional<std::int64_t> grants_known{};  // the version that the client has; none: it does not ask for grants
    bool waiting = false;
  };

  // hub::Client
  std::ptrdiff_t write(const iovec* parts, std::size_t count) override {
    const auto taken = stream_.write(parts, count);
    if (stream_.tls() != nullptr) [[unlikely]]
      unsent_ = stream_.tls()->holds();
    return taken;
  }
  void want_writable(bool on) override;
  void on_slow() override;
  void on_broken() override;
  void on_drained() override;
  void on_gap(std::string_view channel) override;
  const hub::Form& form(bool joins) const override;

  // Reading (connection.cpp).
  bool read();
  void on_end();
  void take(std::span<char> bytes);
  void watch();
  void set_reading(bool on);
  void on_ready_tls(std::uint32_t events);  // and its two below: connection_tls.cpp
  void read_records();
  void finish();
  void bury();
  void deadline_in(Duration d);
  const LimitsConfig& limits() const;

  // HTTP (connection_http.cpp).
  void take_http(std::string_view bytes);
  void take_request();
  void take_ahead();
  std::string id_so_far() const;
  void refuse_http(Errc code, const std::string& request);
  static Task<void> serve(Worker& worker, std::uint64_t id, http::Request request);
  void finish_request(bool head, http::Response response);
  void end_http();
  Result<void> upgrade(const http::Request& request, const std::string& ip, const std::string& request_id);

  // WebSocket (connection_ws.cpp).
  void take_ws(std::span<char> bytes);
  void on_text(std::string_view message);
  void take_commands();
  void refuse_frame(const Error& error);
  void on_peer_close(std::uint16_t code);
  void ping();
  void note_round_trip();
  void on_client_time();
  void arm();
  void send_text(std::string_view json, bool secret = true);
  void on_compressed(std::string_view payload);
  static hub::Slice closing_frames(std::uint16_t code, std::string_view reason, bool push);
  void begin_closing(std::uint16_t code, std::string_view reason, bool keep, bool push);
  void tell_subscribed(std::string_view channel) const;
  void tell_unsubscribed(std::string_view channel, std::uint32_t code) const;
  void note_end(Errc counted, std::uint16_t code, std::string_view reason);

  // Limits (connection_limits.cpp).
  limits::Pace::Verdict pace(std::size_t bytes);
  bool refuse_fast(const protocol::Command& command, limits::Pace::Verdict verdict);
  void on_fast_frame(limits::Pace::Verdict verdict);
  bool too_many_requests();
  Result<void> join_crowd(const std::string& ip);
  void leave_crowd();
  void tell_limit(Errc limit);
  void cut(Errc why);

  // Commands (commands.cpp; what leads to the connect reply: connecting.cpp).
  bool on_command(const protocol::Command& command);
  void release();
  bool waiting() const { return pending_ != nullptr && pending_->waiting; }
  void on_connect(const protocol::Command& command);
  static Task<void> connect_by_ticket(Worker& worker, std::uint64_t id, std::uint32_t command, std::string ticket);
  static Task<void> connect_by_store(Worker& worker, std::uint64_t id, std::uint32_t command, std::string token);
  void judge(Result<session::Caller> caller, std::uint32_t id);
  void accept(session::Caller caller, std::uint32_t id);
  void file_under(std::string_view user_id, std::string sid);
  void unfile();
  Result<void> take_expiry(const session::Caller& caller, const token::ConnectionClaims& claims);
  Result<void> list_channels(std::vector<token::ServerSubscription> named);
  void join_channels();
  void joined(std::size_t index, Result<hub::Subscribed> done);
  void connected_now();
  static Task<void> judge_again(Worker& worker, std::uint64_t id, session::Caller caller);
  std::string connect_reply(const Joining& joining);
  void on_refresh(const protocol::Command& command);
  static Task<void> refresh_by_store(Worker& worker, std::uint64_t id, std::uint32_t command, std::string token);
  void refreshed(std::uint32_t id, Result<session::Caller> caller);
  void subscribed_by_api(const Subscribing& wish, const Result<hub::Subscribed>& done);
  bool same_channels(const token::ConnectionClaims& claims) const;
  void on_rpc(const protocol::Command& command);  // and its two below: rpc.cpp
  static Task<void> renew(Worker& worker, std::uint64_t id, std::uint32_t command, std::string token,
                          std::string user_id, std::string ip);
  void reply_rpc(std::uint32_t id, std::string_view data);

  // Grants (connection_grants.cpp).
  using Go = std::move_only_function<void(Connection&)>;
  using Then = std::move_only_function<void(Connection&, const Result<void>& read)>;
  std::optional<std::string> grant_asked(const NamespaceConfig& n, std::string_view channel) const;
  access::Verdict judge_grant(std::string_view resource) const;
  static Task<void> read_grants(Worker& worker, std::uint64_t id, std::string user_id, Then then);
  void refuse_granted(std::uint32_t id, Errc code);
  void begin_subscribe(Subscribing wish);
  void subscribe_after_reading(Subscribing wish);
  void with_grant(std::uint32_t command, std::string resource, Go go, std::uint8_t readings);
  void if_granted(const protocol::Command& command, const NamespaceConfig& n, Go go);
  void take_version_told(std::string_view data);
  void finish_joining(std::uint8_t readings = 3);
  std::string grants_at_connect() const;
  std::size_t grants_most() const;
  void on_grants_rpc(const protocol::Command& command);
  static Task<void> reply_grants(Worker& worker, std::uint64_t id, std::uint32_t command, std::string user_id,
                                 std::optional<std::int64_t> known);

  // Commands about a channel (channel_commands.cpp).
  Asker asker(std::string_view channel) const;
  Seats& seats();
  void wait();
  Result<std::optional<token::SubscriptionToken>> subscription_token(const protocol::Command& command);
  void refuse_subscription(const protocol::Command& command, const Error& error);
  void on_subscribe(const protocol::Command& command);
  void subscribed(Subscribing wish, Result<hub::Subscribed> done);
  void reply_subscribed(const Subscribing& wish, const hub::Subscribed& done);
  void take_seat(const Subscribing& wish);
  void leave_seat(std::string_view channel);
  void leave_all_seats();
  void end_subscription(std::string_view channel, std::uint32_t code, std::string_view reason);
  void end_expired_subscriptions();
  std::optional<std::int64_t> next_subscription_end() const;
  void on_unsubscribe(const protocol::Command& command);
  void on_publish(const protocol::Command& command);
  void on_presence(const protocol::Command& command);
  void on_history(const protocol::Command& command);
  void on_sub_refresh(const protocol::Command& command);
  static Task<void> publish(Worker& worker, std::uint64_t id, std::uint32_t command,
                            std::shared_ptr<broker::Publication> publication, broker::PublishOptions options);
  static Task<void> presence(Worker& worker, std::uint64_t id, std::uint32_t command, std::string channel);
  static Task<void> presence_stats(Worker& worker, std::uint64_t id, std::uint32_t command, std::string channel);
  static Task<void> history(Worker& worker, std::uint64_t id, std::uint32_t command, std::string channel,
                            broker::HistoryQuery query);
  template <class T>
  static void answer(Worker& worker, std::uint64_t id, std::uint32_t command, const Result<T>& result);

  void reply_error(std::uint32_t id, Errc code);
  void refuse_token(std::uint32_t id, const Error& error);
  bool anonymous() const { return user_ == nullptr || user_->id.empty(); }
  std::uint32_t ttl_seconds() const;

  Worker& worker_;
  const std::uint64_t id_;
  net::Stream stream_;
  ws::Decoder decoder_;
  std::unique_ptr<Http> http_;
  std::unique_ptr<Pending> pending_;
  std::unique_ptr<Seats> seats_;
  CompactText ip_;
  CompactText sid_;
  User* user_ = nullptr;
  Connection* user_next_ = nullptr;
  Connection* user_prev_ = nullptr;
  std::array<std::uint8_t, 16> uuid_{};
  std::uint32_t expires_at_ = 0;  // Unix seconds of the access token's end; 0: never
  std::uint32_t opened_at_ = 0;   // Unix seconds
  SteadyTime due_{};              // the next ping, or the end of the wait for a pong
  limits::Debt debt_ = 0;         // of limits.connection_commands
  std::uint64_t bytes_in_ = 0;
  std::uint32_t messages_in_ = 0;    // commands and pongs
  std::uint32_t round_trip_us_ = 0;  // from the last answered ping to its pong; 0: none was answered yet
  Phase phase_ = Phase::http;
  const Port port_;
  bool reading_ = true;
  bool writing_ = false;
  bool ping_out_ = false;
  bool peer_closed_ = false;
  bool deflates_ = false;  // permessage-deflate was agreed on
  bool counted_ = false;   // in Services::user_counts
  bool in_crowd_ = false;  // counted in Worker::crowd
  std::uint8_t told_ = 0;  // which limits the log has a line of
  bool deaf_ = false;      // the peer broke the framing: what else it sends is thrown away
};

}  // namespace gatecast::server
