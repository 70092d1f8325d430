// A shard: one thread with its loop, mailbox and timer wheel; and the set of them.
//
// Place: server puts its connections, hub slice and listeners on shards; whatever belongs to a shard is touched on its
// thread alone, and `Shards` is the only way across. Lifetime: shards outlive everything placed on them.
// Bounds: data lane 65,536 messages or 64 MB a shard; one turn takes about 1 MB of it before what it caused is sent.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "core/shard.hpp"
#include "net/epoll_loop.hpp"
#include "net/mailbox.hpp"
#include "net/timer_wheel.hpp"

namespace gatecast::net {

/// What a shard calls in each turn; implemented by the server.
class Turns {
 public:
  /// Sends what the turn made, within its budget; returns true where something is left to send.
  virtual bool flush() = 0;
  /// Whether data messages may be taken now (false while the sender is behind).
  virtual bool may_take_data() const = 0;

 protected:
  ~Turns() = default;
};

class Shard {
 public:
  struct Bounds {
    std::size_t data_count = 65'536;
    std::size_t data_bytes = 64u << 20;
  };
  Shard(unsigned index, Bounds bounds);

  unsigned index() const { return index_; }
  EpollLoop& loop() { return loop_; }
  TimerWheel& wheel() { return wheel_; }
  const ShardCheck& check() const { return check_; }
  void set_turns(Turns* turns) { turns_ = turns; }

  /// From any thread: runs `fn` here, before data messages, never refused.
  void post_control(Mailbox::Fn fn);
  /// From any thread: runs `fn` here in order; false where the lane is full.
  [[nodiscard]] bool post_data(std::size_t bytes, Mailbox::Fn fn);

  /// Runs the loop on the calling thread until `loop().stop()`.
  void run();

 private:
  bool end_turn();

  const unsigned index_;
  EpollLoop loop_;
  TimerWheel wheel_;
  Mailbox mailbox_;
  ShardCheck check_;
  Turns* turns_ = nullptr;
};

class Shards {
 public:
  Shards(unsigned count, Shard::Bounds bounds);
  ~Shards();
  unsigned count() const { return static_cast<unsigned>(shards_.size()); }
  Shard& operator[](unsigned i) { return *shards_[i]; }
  /// Starts a thread for each shard; `on_thread` runs first on it.
  void start(std::function<void(Shard&)> on_thread);
  /// Stops all loops and joins their threads.
  void stop();

 private:
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
};

}  // namespace gatecast::net
