// What other threads send a shard, in two lanes.
//
// control: endings, registrations, answers. Never refused; who sends bounds what is sent. data: publications; bounded
// by count and bytes, and a full lane refuses, so that the sender can say so. Threads: push from any, drain on the
// shard. Order: each lane keeps the order of each sender, and a control message runs before data that its sender pushed
// after it (a shard hears of a gap before it sees what came after the gap).
#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace gatecast::net {

class Mailbox {
 public:
  using Fn = std::move_only_function<void()>;

  Mailbox(std::size_t count_max, std::size_t bytes_max) : count_max_(count_max), bytes_max_(bytes_max) {}

  void push_control(Fn fn);
  /// False where the lane is full; `fn` is then dropped.
  [[nodiscard]] bool push_data(std::size_t bytes, Fn fn);

  /// Runs all control messages, those they cause on this shard included in a later call; takes out data to run next.
  void drain_control();
  /// Runs the data messages that drain_control took out, about `bytes_max` bytes of them; returns whether any are left.
  bool drain_data(std::size_t bytes_max);
  bool has_data() const;

 private:
  struct Item {
    std::size_t bytes;
    Fn fn;
  };
  const std::size_t count_max_;
  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::vector<Fn> control_;
  std::vector<Item> data_;
  std::size_t data_bytes_ = 0;
  // Of the draining shard alone: what it has taken out and not yet run.
  std::vector<Fn> running_control_;
  std::vector<Item> taken_;
  std::size_t taken_next_ = 0;
};

}  // namespace gatecast::net
