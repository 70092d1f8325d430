// One connection to one Redis server: from a name to the answer of HELLO, then commands out and answers in.
//
// Place: under Link and the finders of masters. What is sent in a turn leaves in one write at its end. An answer that
// is too late ends the connection, since the order of answers is all that tells whose it is. Opened again after it was
// lost. Threads: its loop's. Lifetime: `close` first; an event of the same turn may still come.
// Bounds: connecting and each command have deadlines; an answer the decoder's; who sends bounds what is unsent.
#pragma once

#include <deque>
#include <optional>

#include "adapters/redis/request.hpp"
#include "adapters/redis/resp_decoder.hpp"
#include "net/socket.hpp"

namespace gatecast::redis {

/// What the server said of itself.
struct Greeting {
  std::string version{};
  std::string mode{};  // standalone, cluster, sentinel
  std::string role{};  // master, replica
};

/// Whom a connection logs in as.
struct Login {
  std::string user{};
  Secret password{};
  unsigned db = 0;
};

class Connection final : public net::Ready {
 public:
  class Owner {
   public:
    virtual void on_open(Connection& from) = 0;
    /// It is closed; what waited has been answered. `for_good`: it does not pass by itself.
    virtual void on_lost(Connection& from, const std::string& why, bool for_good) = 0;
    virtual void on_reply(Connection& from, Request request, Result<Value> value) = 0;
    virtual void on_message(std::string_view topic, std::string_view payload) = 0;
    virtual void on_push(Connection& from, Value push) = 0;
    /// An error that answers no command: of a SUBSCRIBE, whose success is told by pushes.
    virtual void on_stray_error(Connection& from, const std::string& text) = 0;

   protected:
    ~Owner() = default;
  };

  Connection(Shared& shared, Owner& owner) : shared_(shared), owner_(owner), decoder_({shared.options.reply_bytes}) {}
  ~Connection() { shut(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void open(const RedisAddress& address, const Login& login);
  bool idle() const { return state_ == State::closed; }
  bool ready() const { return state_ == State::ready; }
  const Greeting& greeting() const { return greeting_; }
  const RedisAddress& address() const { return address_; }

  /// While `ready`.
  void send(Request request);
  /// Commands whose answers are pushes.
  void send_topics(std::string_view bytes);
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t unsent() const { return out_.size() - out_at_; }

  /// Answers all that waits with temporarily_unavailable, and is closed; `on_lost` is called.
  void lose(const std::string& why, bool for_good = false);
  /// Closes without a word; what waited is dropped.
  void close() { shut(); }

  void on_ready(std::uint32_t events) override;

 private:
  enum class State : std::uint8_t { closed, resolving, connecting, securing, greeting, ready };

  void shut();
  void try_next(std::string why);
  void connected();
  void say_hello();
  void take_greeting(Value value);
  void read();
  bool decode();
  void take(Value value);
  void flush_later();
  void flush();
  void watch_writing(bool on);
  void arm(SteadyTime due);
  void on_timer();

  Shared& shared_;
  Owner& owner_;
  State state_ = State::closed;
  RedisAddress address_{};
  Login login_{};
  Greeting greeting_{};
  unsigned greetings_left_ = 0;
  std::vector<SocketAddress> found_{};
  std::size_t tried_ = 0;
  std::size_t silent_ = 0;  // times that connecting took too long: the next begins with another address
  std::uint64_t life_ = 0;  // another with each open and close
  std::shared_ptr<int> here_ = std::make_shared<int>(0);  // a name may be resolved after the connection is gone
  SteadyTime due_{};                                      // of connecting
  net::Fd connecting_{};
  std::optional<net::Stream> stream_{};  // by reset alone: TLS has last words for the descriptor
  RespDecoder decoder_;
  std::vector<char> in_{};
  std::size_t in_size_ = 0;
  std::string out_{};
  std::size_t out_at_ = 0;
  bool flush_asked_ = false;
  bool watching_writes_ = false;
  Loop::TimerId timer_ = 0;
  std::deque<Request> waiting_{};
  std::vector<const Script*> sent_whole_{};  // since it was opened
};

}  // namespace gatecast::redis
