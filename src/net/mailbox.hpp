// What other threads send a shard, in two lanes.
//
// control: endings, registrations, answers. Never refused; who sends bounds what is sent. data: publications; bounded by
// count and bytes, and a full lane refuses, so that the sender can say so. Threads: push from any, drain on the shard.
// Order: each lane keeps the order of each sender; control goes before data in a turn.
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

  /// Runs all control messages, those they cause on this shard included in a later call.
  void drain_control();
  /// Runs data messages until about `bytes_max` bytes are taken; returns whether some are left.
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
