// The clients: many WebSocket connections of one thread, which connect, subscribe, and count what they receive.
//
// Place: within a Reader's process. Threads: one. All reads go into one large buffer; a connection keeps bytes only
// where a frame was torn, so that the clients' cost beside the server's stays small. With `raw` nothing is said: frames
// are expected at once, as the floor sends them. Errors: a refused connect or subscribe, a closed connection, ends the
// benchmark with what the server said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatecast::bench {

struct LoadOptions {
  std::uint16_t port = 0;
  std::size_t connections = 0;
  bool raw = false;
  std::vector<std::string> tokens{};  // one a connection, in turn
  std::string channel{};              // subscribed by each; empty: none
  std::size_t sample_every = 1;       // every n-th connection measures latency, by `"t":<ns>` in the data
  bool may_close = false;             // the other side may close; otherwise that ends the benchmark
};

class Load {
 public:
  explicit Load(LoadOptions options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Connects all; returns when each has its replies.
  void open();
  /// Reads what is there; waits up to `timeout_ms` (-1: for ever) for it, or for `also` to be readable. Says whether
  /// `also` is.
  bool poll(int timeout_ms, int also = -1);

  /// Sends a text message on an open connection; nothing where it has gone.
  void say(std::size_t index, std::string_view text);
  /// When the close frame of a connection was read; 0: not yet.
  std::int64_t closed_at_ns(std::size_t index) const { return clients_[index].closed_ns; }
  std::size_t closed() const { return closed_; }

  std::uint64_t received() const { return received_; }
  std::vector<std::int64_t>& latencies_ns() { return latencies_; }

 private:
  enum class State : std::uint8_t { connecting, upgrading, joining, ready };
  struct Client {
    int fd = -1;
    State state = State::connecting;
    std::uint8_t replies = 0;
    bool sampled = false;
    std::int64_t closed_ns = 0;
    std::string torn;
  };

  void start(std::size_t index);
  void connected(std::size_t index);
  void readable(std::size_t index);
  std::size_t take_upgrade(std::size_t index, std::string_view bytes);
  std::size_t take_frames(std::size_t index, std::string_view bytes);
  void take_message(std::size_t index, std::string_view message);
  void take_line(std::size_t index, std::string_view line);
  void send_text(Client& client, std::string_view text);
  void note_closed(std::size_t index);
  void end(std::size_t index);
  void watch(std::size_t index, std::uint32_t events, bool add);

  LoadOptions options_;
  std::string publication_;  // how a publication of our channel begins
  int epoll_ = -1;
  int also_ = -1;
  std::vector<Client> clients_;
  std::size_t ready_ = 0;
  std::size_t closed_ = 0;
  std::uint64_t received_ = 0;
  std::int64_t read_at_ns_ = 0;
  std::vector<std::int64_t> latencies_;
  std::vector<char> buffer_;
};

}  // namespace gatecast::bench
