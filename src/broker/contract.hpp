// The contract of broker::Broker as tests: every promise of broker.hpp, on every implementation.
//
// Place: one *_test.cpp of each implementation includes broker/contract_suite.hpp and names its kind:
//   GATECAST_BROKER_CONTRACT(Memory, (BrokerKind{"memory", &make_memory_place}));
// A place is one truth, and the brokers of several nodes on it. Threads: brokers live on the place's own loop: the test
// touches them only inside `run` and `run_until`; the faults are made from the test's thread. No sleeps: what takes
// time is waited for by its effect.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.hpp"

namespace gatecast::broker {

class BrokerPlace {
 public:
  virtual ~BrokerPlace() = default;

  /// The broker of one more node, not started. Its presence lasts for less than a second once it has vanished; a
  /// command has some seconds.
  virtual std::unique_ptr<Broker> make() = 0;
  /// Calls `fn` where the brokers live, and waits for it.
  virtual void run(const std::function<void()>& fn) = 0;
  /// Lets time pass until `so` says so (it is asked where the brokers live); false where that takes too long.
  virtual bool run_until(const std::function<bool()>& so) = 0;

  /// All connections are cut and come back by themselves; what is published before they stand is not passed on.
  virtual void interrupt() = 0;
  /// Nobody reaches the truth any more, until `mend`.
  virtual void lose() = 0;
  virtual void mend() = 0;
  /// The server starts again and knows nothing.
  virtual void restart_empty() = 0;
  /// From here on a replica takes what is written; `freeze`: until here. False where this kind has no replicas.
  virtual bool add_replica() = 0;
  virtual void freeze_replica() = 0;
  /// The server is gone; the replica is in its place.
  virtual void promote_replica() = 0;
};

struct BrokerKind {
  const char* name;
  std::unique_ptr<BrokerPlace> (*make)();
};
inline void PrintTo(const BrokerKind& kind, std::ostream* out) { *out << kind.name; }

/// What one node's hub was told.
class Heard final : public Receiver {
 public:
  void on_publication(PublicationRef publication) override {
    if (publication->kind != PublicationKind::message) {
      told[publication->channel] += (publication->kind == PublicationKind::join ? "+" : "-") + publication->user + " ";
      return;
    }
    if (publication->offset > 0) offsets[publication->channel].push_back(publication->offset);
    got[publication->channel].push_back(std::move(publication));
  }
  void on_interrupted(std::string_view channel) override { ++interrupted[std::string(channel)]; }

  std::map<std::string, std::vector<PublicationRef>> got;
  std::map<std::string, std::vector<std::uint64_t>> offsets;
  std::map<std::string, std::string> told;  // "+ann -ann ": joins and leaves by user
  std::map<std::string, unsigned> interrupted;
};

inline std::string texts(const std::vector<PublicationRef>& publications) {
  std::string all;
  for (const auto& p : publications) all += p->data + " ";
  return all;
}

inline constexpr HistoryOptions kKept{.size = 10'000, .time = std::chrono::hours{1}};

class BrokerContract : public ::testing::TestWithParam<BrokerKind> {
 protected:
  struct Node {
    std::unique_ptr<Broker> broker;
    std::unique_ptr<Heard> heard = std::make_unique<Heard>();
  };

  BrokerContract() : place_(GetParam().make()) {}
  ~BrokerContract() override {
    place_->run([this] {
      for (auto& node : nodes_) node->broker->stop();
      nodes_.clear();
    });
  }

  Node& add_node() {
    Node& node = *nodes_.emplace_back(std::make_unique<Node>());
    place_->run([&] {
      node.broker = place_->make();
      node.broker->start(*node.heard);
    });
    EXPECT_TRUE(until([&] { return node.broker->in_touch(); }));
    return node;
  }
  /// The node vanishes: nobody says good-bye for it.
  void kill(Node& node) {
    place_->run([&] { node.broker->stop(); });
  }
  bool until(const std::function<bool()>& so) { return place_->run_until(so); }

  /// What an asynchronous call ends with.
  template <class T, class Start>
  Result<T> outcome(Start start) {
    auto slot = std::make_shared<std::optional<Result<T>>>();
    place_->run([&] {
      start([slot](Result<T> result) {
        EXPECT_FALSE(slot->has_value()) << "done is called once";
        slot->emplace(std::move(result));
      });
      EXPECT_FALSE(slot->has_value()) << "done is never called inside the call";
    });
    if (!until([slot] { return slot->has_value(); })) return fail(Errc::internal, "no answer");
    return std::move(**slot);
  }

  static std::shared_ptr<Publication> message(const std::string& channel, const std::string& data) {
    auto publication = std::make_shared<Publication>();
    publication->channel = channel;
    publication->data = data;
    return publication;
  }
  Result<StreamPosition> try_publish(Node& node, const std::string& channel, const std::string& data,
                                     PublishOptions options = {.history = kKept}) {
    return outcome<StreamPosition>([&](Done<StreamPosition> done) {
      node.broker->publish(message(channel, data), std::move(options), std::move(done));
    });
  }
  StreamPosition publish(Node& node, const std::string& channel, const std::string& data,
                         PublishOptions options = {.history = kKept}) {
    const auto place = try_publish(node, channel, data, std::move(options));
    EXPECT_TRUE(place) << place.error().detail;
    return place.value_or(StreamPosition{});
  }
  void publish_many(Node& node, const std::string& channel, int first, int last) {
    for (int n = first; n <= last; ++n) publish(node, channel, std::to_string(n));
  }
  StreamPosition listen(Node& node, const std::string& channel, bool kept = true) {
    const auto place = outcome<StreamPosition>(
        [&](Done<StreamPosition> done) { node.broker->listen(channel, kept, std::move(done)); });
    EXPECT_TRUE(place) << place.error().detail;
    return place.value_or(StreamPosition{});
  }
  Result<HistoryPage> read(Node& node, const std::string& channel, HistoryQuery query = {.limit = -1}) {
    return outcome<HistoryPage>([&](Done<HistoryPage> done) { node.broker->history(channel, query, std::move(done)); });
  }
  std::string history(Node& node, const std::string& channel, HistoryQuery query = {.limit = -1}) {
    const auto page = read(node, channel, query);
    EXPECT_TRUE(page) << page.error().detail;
    return page ? texts(page->publications) : std::string{"?"};
  }
  Recovered recover(Node& node, const std::string& channel, StreamPosition since, std::uint32_t most = 1000) {
    auto got =
        outcome<Recovered>([&](Done<Recovered> done) { node.broker->recover(channel, since, most, std::move(done)); });
    EXPECT_TRUE(got) << got.error().detail;
    return got ? std::move(*got) : Recovered{};
  }
  void clear(Node& node, const std::string& channel) {
    const auto done = outcome<void>([&](Done<void> end) { node.broker->clear(channel, std::move(end)); });
    EXPECT_TRUE(done) << done.error().detail;
  }
  /// The texts that arrive at `node` on the channel, once there are `count` of them.
  std::string arrived(Node& node, const std::string& channel, std::size_t count) {
    EXPECT_TRUE(until([&] { return node.heard->got[channel].size() >= count; })) << channel << " " << count;
    std::string all;
    place_->run([&] { all = texts(node.heard->got[channel]); });
    return all;
  }

  static ClientInfoRef somebody(const std::string& user, const std::string& client) {
    return std::make_shared<const ClientInfo>(ClientInfo{user, client, R"({"n":1})", ""});
  }
  void enter(Node& node, const std::string& channel, const std::string& user, const std::string& client,
             bool listed = true, bool told = true) {
    place_->run([&] { node.broker->enter(channel, somebody(user, client), listed, told); });
  }
  void leave(Node& node, const std::string& channel, const std::string& user, const std::string& client,
             bool listed = true, bool told = true) {
    place_->run([&] { node.broker->leave(channel, somebody(user, client), listed, told); });
  }
  /// "user/client …", sorted; "?" where it could not be read.
  std::string present(Node& node, const std::string& channel, std::size_t most = 10'000) {
    const auto all = outcome<std::vector<ClientInfoRef>>(
        [&](Done<std::vector<ClientInfoRef>> done) { node.broker->presence(channel, most, std::move(done)); });
    if (!all) return "?";
    std::vector<std::string> names;
    for (const auto& who : *all) names.push_back(who->user + "/" + who->client + " ");
    std::sort(names.begin(), names.end());
    std::string text;
    for (const auto& name : names) text += name;
    return text;
  }
  /// "clients users".
  std::string counted(Node& node, const std::string& channel) {
    const auto count = outcome<PresenceCount>(
        [&](Done<PresenceCount> done) { node.broker->presence_count(channel, std::move(done)); });
    return count ? std::to_string(count->clients) + " " + std::to_string(count->users) : "?";
  }
  /// Asks again until `what` gives `wanted`.
  bool comes_to(const std::function<std::string()>& what, const std::string& wanted) {
    std::string last;
    for (int turn = 0; turn < 2000; ++turn) {
      if ((last = what()) == wanted) return true;
      int turns = 0;
      until([&turns] { return ++turns > 5; });  // lets a little time pass
    }
    ADD_FAILURE() << "is " << last << ", not " << wanted;
    return false;
  }
  std::string told(Node& node, const std::string& channel) {
    std::string text;
    place_->run([&] { text = node.heard->told[channel]; });
    return text;
  }

  std::unique_ptr<BrokerPlace> place_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace gatecast::broker
