// The channels a broker listens to: topics, the position from which on each is heard, interruptions.
//
// Place: part of RedisBroker. Threads: the loop's. A channel's topic is subscribed first and its position read then,
// so that nothing falls between; what arrives before the position is kept until it is there. Personal channels of a
// partition share a topic. Bounds: kReadsAtOnce positions asked for at a time, so that a node that comes back does not
// flood the server; kEarly publications of a channel that wait, beyond them the channel counts as interrupted.
// Errors: temporarily_unavailable after the deadline.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>

#include "adapters/redis/stream_reader.hpp"

namespace gatecast::redis {

class Listening final : public TopicListener {
 public:
  static constexpr std::size_t kReadsAtOnce = 256;
  static constexpr std::size_t kEarly = 256;

  Listening(BrokerCalls& calls, StreamReader& reader, Duration deadline)
      : calls_(calls), reader_(reader), deadline_(deadline) {}

  /// `interrupted` is called for each channel before the receiver is.
  void start(broker::Receiver& receiver, std::function<void(std::string_view channel)> interrupted);
  void stop();

  void listen(std::string_view channel, bool kept, broker::Done<broker::StreamPosition> done);
  void unlisten(std::string_view channel);

  void on_message(std::string_view topic, std::string_view payload) override;
  void on_subscribed(std::string_view topic) override;

 private:
  struct Waiting {
    std::uint64_t id = 0;
    bool kept = false;
    bool asked = false;        // its position is being read
    bool interrupted = false;  // since then
    std::vector<broker::PublicationRef> early{};
    broker::Done<broker::StreamPosition> done{};
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  /// Null: it is being heard. An idle personal channel costs its name and this.
  using Channels = boost::unordered_flat_map<std::string, std::unique_ptr<Waiting>, Hash, std::equal_to<>>;
  struct Shared {
    bool subscribed = false;
    Channels channels;
  };
  struct Due {
    SteadyTime at;
    std::string channel;
    std::uint64_t id;
  };

  Channels& channels_of(std::string_view channel);
  Waiting* waiting(std::string_view channel, std::uint64_t id = 0);
  void subscribed(const std::string& channel);
  void ask_more();
  void asked(const std::string& channel, std::uint64_t id, Result<broker::StreamPosition> place);
  void heard_from(const std::string& channel, broker::StreamPosition place);
  void tell_interrupted(std::string_view channel);
  void drop(std::string_view channel);
  void tick();
  void wake_tick();

  BrokerCalls& calls_;
  StreamReader& reader_;
  const Duration deadline_;
  broker::Receiver* receiver_ = nullptr;
  std::function<void(std::string_view)> interrupted_;
  Channels own_;
  std::array<Shared, kPartitions> shared_;
  std::deque<std::string> to_ask_;
  std::vector<std::string> to_ask_again_;
  std::deque<Due> due_;
  std::size_t reading_ = 0;
  std::uint64_t last_id_ = 0;
  Loop::TimerId timer_ = 0;
};

}  // namespace gatecast::redis
