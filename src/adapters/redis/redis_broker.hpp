// The broker on Redis: what several nodes share of channels.
//
// Place: implements broker::Broker over Client; one a shard, on its loop. Names and forms: names.hpp,
// publication_text.hpp; what happens in one step: broker_scripts.hpp; the parts: Listening, StreamReader, Roster,
// Lease, Reaper. Threads: the loop's. A stream's epoch is of its birth and of the server that writes it, so that a
// server that takes over ends every epoch; positions up to where it took over stay known. Bounds: the client's queue,
// those of the parts. Errors: broker.hpp's; body_too_large for a publication over kTextBytesMax.
#pragma once

#include "adapters/redis/listening.hpp"
#include "adapters/redis/reaper.hpp"
#include "adapters/redis/roster.hpp"

namespace gatecast::redis {

class RedisBroker final : public broker::Broker {
 public:
  struct Options {
    Client::Options client;
    std::string prefix = "gatecast:";
    Duration durable_wait = std::chrono::seconds{1};
    Duration lease = std::chrono::seconds{10};  // presence of a node that has vanished
    std::uint32_t page = 300;                   // publications of one history page
    std::size_t present_max = 1'000'000;
  };
  /// Error: config_invalid (the URL).
  static Result<std::unique_ptr<RedisBroker>> make(net::EpollLoop& loop, Options options);
  ~RedisBroker() override;

  void start(broker::Receiver& receiver) override;
  void stop() override;

  void listen(std::string_view channel, bool kept, broker::Done<broker::StreamPosition> done) override;
  void unlisten(std::string_view channel) override;
  void publish(std::shared_ptr<const broker::Publication> publication, broker::PublishOptions options,
               broker::Done<broker::StreamPosition> done) override;
  void history(std::string_view channel, broker::HistoryQuery query, broker::Done<broker::HistoryPage> done) override;
  void recover(std::string_view channel, broker::StreamPosition since, std::uint32_t most,
               broker::Done<broker::Recovered> done) override;
  void clear(std::string_view channel, broker::Done<void> done) override;

  void enter(std::string_view channel, broker::ClientInfoRef who, bool listed, bool told) override;
  void leave(std::string_view channel, broker::ClientInfoRef who, bool listed, bool told) override;
  void presence(std::string_view channel, std::size_t most,
                broker::Done<std::vector<broker::ClientInfoRef>> done) override;
  void presence_count(std::string_view channel, broker::Done<broker::PresenceCount> done) override;

  bool in_touch() const override { return calls_->client().in_touch(); }
  /// Why not, and what does not pass by itself: the client's.
  std::string trouble() const { return calls_->client().trouble(); }
  std::string refusal() const { return calls_->client().refusal(); }

 private:
  RedisBroker(std::unique_ptr<BrokerCalls> calls, Options options);

  void publish_kept(const broker::Publication& publication, std::string_view text,
                    const broker::PublishOptions& options, broker::Done<broker::StreamPosition> done);
  void publish_passing(const broker::Publication& publication, std::string_view text,
                       const broker::PublishOptions& options, broker::Done<broker::StreamPosition> done);

  const std::unique_ptr<BrokerCalls> calls_;
  const Options options_;
  StreamReader reader_;
  Lease lease_;
  Listening listening_;
  Roster roster_;
  Reaper reaper_;
  bool running_ = false;
};

}  // namespace gatecast::redis
