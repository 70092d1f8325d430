// The server's own messages on their way to the broker: one after another of a channel, kept while it is out of touch.
//
// Place: in SharedHomes; what changes a user's sessions, grants or notifications ends here. Threads: its shard. Each
// message has a key under which the broker publishes it once, whatever had to be repeated. Order: of a channel, that of
// the calls. Bounds: Limits; over them a message is refused and counted. Errors: what the broker cannot take at all is
// dropped and counted too.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "broker/broker.hpp"

namespace gatecast::hub {

class Pushes {
 public:
  struct Limits {
    std::size_t count = 10'000;
    std::size_t bytes = 64u << 20;
  };
  using Then = std::move_only_function<void()>;

  /// `seed`: no other shard of any node has it.
  Pushes(broker::Broker& broker, Limits limits, std::uint64_t seed) : broker_(broker), limits_(limits), seed_(seed) {}

  /// `then` is called once it is published.
  void push(std::shared_ptr<const broker::Publication> publication, broker::HistoryOptions history, Then then = {});
  /// Goes on with what could not be published.
  void retry();

  std::size_t waiting() const { return count_; }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t lost() const { return lost_; }

 private:
  struct Item {
    std::shared_ptr<const broker::Publication> publication;
    broker::HistoryOptions history;
    std::string key;
    Then then;
  };
  struct Line {
    std::deque<Item> items;
    bool under_way = false;
  };

  void begin(const std::string& channel);
  void ended(const std::string& channel, const Result<broker::StreamPosition>& done);
  void finish(const std::string& channel, bool published);

  broker::Broker& broker_;
  const Limits limits_;
  const std::uint64_t seed_;
  boost::unordered_flat_map<std::string, std::unique_ptr<Line>> lines_;  // by channel
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace gatecast::hub
