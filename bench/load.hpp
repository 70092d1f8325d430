// The clients: many WebSocket connections of one thread, which connect, subscribe, and count what they receive.
//
// Place: within a Reader's process, beside the server, a floor or a peer alike. Threads: one. All reads go into one
// large buffer; a connection keeps bytes only where a frame was torn, so that the clients' cost beside the server's
// stays small. Errors: a refused connect or subscribe, a closed connection, ends the benchmark with what was said.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/places.hpp"

namespace gatecast::bench {

/// What is said on a connection before it is ready.
enum class Speaks : std::uint8_t {
  gatecast,   // upgrade, connect command, subscribe commands, and their replies
  nothing,    // frames are expected at once, as the floor sends them
  websocket,  // the upgrade alone
  socketio,   // upgrade, then Engine.IO and Socket.IO packets
};

struct LoadOptions {
  std::uint16_t port = 0;
  std::size_t connections = 0;
  Speaks speaks = Speaks::gatecast;
  std::vector<std::string> tokens{};  // one a connection, in turn
  std::string channel{};              // subscribed by each; empty: none; `{}` in it is replaced by a number of its own
  std::size_t channels_each = 1;      // where the channel has `{}`
  std::size_t first = 0;              // added to a connection's number: readers beside each other use other numbers
  std::size_t sample_every = 1;       // every n-th connection measures latency, by `"t":<ns>` in the data
  bool may_close = false;             // the other side may close; otherwise that ends the benchmark
  bool remembers = false;             // stands at its places, and asks for what it missed when it comes back
  std::size_t opening = 256;          // on their way at once: more would overflow the listener's queue
  std::string echo{};                 // what `echo` says; `{}` in it is the connection's number
  std::uint8_t echo_frames = 1;       // messages that come back for one
  bool greets = false;                // after the upgrade alone: says `echo` once and is ready when all came back
};

class Load {
 public:
  explicit Load(LoadOptions options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Connects all that are not; returns when each has its replies.
  void open();
  /// Reads what is there; waits up to `timeout_ms` (-1: for ever) for it, or for `also` to be readable. Says whether
  /// `also` is.
  bool poll(int timeout_ms, int also = -1);
  /// Resets every connection at once.
  void abort_all();

  /// Sends a text message on an open connection; nothing where it has gone.
  void say(std::size_t index, std::string_view text);
  /// Each connection says its echo, waits for what comes back, and again, so often.
  void echo(std::size_t times);
  bool echoing() const { return echoing_ != 0; }
  /// When the close frame of a connection was read; 0: not yet.
  std::int64_t closed_at_ns(std::size_t index) const { return clients_[index].closed_ns; }
  std::size_t closed() const { return closed_; }
  /// Connections whose socket is open.
  std::size_t alive() const { return alive_; }

  std::uint64_t received() const { return received_; }
  std::vector<std::int64_t>& latencies_ns() { return latencies_; }
  const Places* places() const { return places_.get(); }

 private:
  enum class State : std::uint8_t { connecting, upgrading, joining, ready };
  struct Client {
    int fd = -1;
    State state = State::connecting;
    std::uint8_t awaited = 0;   // messages that its echo still gets
    std::uint32_t replies = 0;  // to come before it is ready
    std::uint32_t echoes = 0;   // still to be made
    bool sampled = false;
    std::int64_t closed_ns = 0;
    std::string torn{};
  };

  // Sockets (load.cpp).
  void start(std::size_t index);
  void connected(std::size_t index);
  void readable(std::size_t index);
  std::size_t take_frames(std::size_t index, std::string_view bytes);
  void send_text(Client& client, std::string_view text);
  void note_closed(std::size_t index);
  void end(std::size_t index);
  void watch(std::size_t index, std::uint32_t events, bool add);
  void count(std::size_t index);
  void say_echo(std::size_t index);

  // What is said (load_talk.cpp).
  std::string numbered(std::string_view text, std::size_t number) const;
  std::size_t take_upgrade(std::size_t index, std::string_view bytes);
  std::string hello(std::size_t index) const;
  void ready(std::size_t index);
  void take_message(std::size_t index, std::string_view message);
  void take_line(std::size_t index, std::string_view line);
  void take_reply(std::size_t index, std::string_view line);
  void take_packet(std::size_t index, std::string_view packet);

  LoadOptions options_;
  std::string publication_;  // how a publication of our channels begins
  int epoll_ = -1;
  int also_ = -1;
  std::vector<Client> clients_;
  std::unique_ptr<Places> places_;
  std::size_t ready_ = 0;
  std::size_t alive_ = 0;
  std::size_t closed_ = 0;
  std::size_t echoing_ = 0;
  std::uint64_t received_ = 0;
  std::int64_t read_at_ns_ = 0;
  std::vector<std::int64_t> latencies_;
  std::vector<char> buffer_;
  std::string out_;
};

}  // namespace gatecast::bench
