#include <cstdio>
#include <cstdlib>
#include <random>

#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using broker::HistoryOptions;
using broker::kAnyEpoch;
using broker::kNoEpoch;
using broker::StreamPosition;
using testing::FakeClient;
using testing::OneThread;
using Frames = std::vector<std::string>;

constexpr HistoryOptions kKept{.size = 50, .time = std::chrono::minutes(10)};

struct Got {
  std::optional<Subscribed> answer{};
  std::optional<Errc> refused{};
};

SubscribeDone into(Got& got) {
  return [&got](Result<Subscribed> done) {
    if (done) got.answer = std::move(*done);
    if (!done) got.refused = done.error().code;
  };
}

std::string texts(const std::vector<broker::PublicationRef>& publications) {
  std::string text;
  for (const auto& p : publications) text += p->data + " ";
  return text;
}

/// The name of a channel whose home is shard `home` of two.
std::string homed(unsigned home) {
  for (int i = 0;; ++i) {
    auto name = fmt::format("channel{}", i);
    if (std::hash<std::string_view>{}(name) % 2 == home) return name;
  }
}

/// Both ways to the home: one shard, and two with the channel's home on the other.
class RecoveryTest : public ::testing::TestWithParam<unsigned> {
 protected:
  RecoveryTest() : net_(GetParam(), {}, {}), name_(GetParam() == 1 ? "a" : homed(1)) {}

  void publish(const std::string& data, HistoryOptions history = kKept) {
    net_.publish(0, name_, data, [](bool ok) { EXPECT_TRUE(ok); }, history);
    net_.settle();
  }
  void publish_many(int from, int to) {
    for (int n = from; n <= to; ++n) publish(std::to_string(n));
  }
  Subscribed subscribe(FakeClient& client, SubscribeOptions options = {}) {
    Got got;
    net_.hub().subscribe(client, name_, std::move(options), into(got));
    net_.settle();
    EXPECT_TRUE(got.answer.has_value());
    return got.answer.value_or(Subscribed{});
  }
  Frames frames(std::initializer_list<int> numbers) const {
    Frames all;
    for (const int n : numbers) all.push_back(fmt::format("P {} {}", name_, n));
    return all;
  }

  OneThread net_;
  const std::string name_;
};
INSTANTIATE_TEST_SUITE_P(Homes, RecoveryTest, ::testing::Values(1u, 2u));

TEST_P(RecoveryTest, SubscriptionSaysWhereItBegins) {
  FakeClient one, two;
  const Subscribed first = subscribe(one);
  EXPECT_EQ(first.position.offset, 0U);
  publish_many(1, 3);
  const Subscribed second = subscribe(two);
  EXPECT_EQ(second.position, (StreamPosition{3, first.position.epoch}));
  publish("4");
  EXPECT_EQ(one.frames(), frames({1, 2, 3, 4}));
  EXPECT_EQ(two.frames(), frames({4}));
}

TEST_P(RecoveryTest, WhatWasMissedComesWithTheAnswerAndTheRestFollows) {
  FakeClient stays, away;
  subscribe(stays);
  const StreamPosition was = subscribe(away).position;
  publish_many(1, 2);
  net_.forget(0, away);
  publish_many(3, 5);
  FakeClient back;
  const Subscribed again = subscribe(back, {.recover = StreamPosition{2, was.epoch}});
  EXPECT_TRUE(again.recovered);
  EXPECT_EQ(texts(again.publications), "3 4 5 ");
  EXPECT_EQ(again.position.offset, 5U);
  publish("6");
  EXPECT_EQ(back.frames(), frames({6}));
  EXPECT_EQ(stays.frames(), frames({1, 2, 3, 4, 5, 6}));
}

TEST_P(RecoveryTest, FirstSubscriberOfAShardRecoversToo) {
  publish_many(1, 4);
  FakeClient client;
  const Subscribed all = subscribe(client, {.recover = StreamPosition{0, kAnyEpoch}});
  EXPECT_TRUE(all.recovered);
  EXPECT_EQ(texts(all.publications), "1 2 3 4 ");
  publish("5");
  EXPECT_EQ(client.frames(), frames({5}));
}

TEST_P(RecoveryTest, WhatIsGoneIsSaid) {
  publish_many(1, 60);
  FakeClient early, late, other;
  EXPECT_FALSE(subscribe(early, {.recover = StreamPosition{9, kAnyEpoch}}).recovered);
  EXPECT_TRUE(subscribe(late, {.recover = StreamPosition{10, kAnyEpoch}}).recovered);
  const Subscribed elsewhere = subscribe(other, {.recover = StreamPosition{59, kNoEpoch}});
  EXPECT_FALSE(elsewhere.recovered);
  EXPECT_EQ(elsewhere.position.offset, 60U);
  publish("61");
  for (const auto* client : {&early, &late, &other}) EXPECT_EQ(client->frames(), frames({61}));
}

TEST_P(RecoveryTest, NewestOnly) {
  publish_many(1, 4);
  FakeClient client;
  const Subscribed got = subscribe(client, {.recover = StreamPosition{1, kAnyEpoch}, .newest_only = true});
  EXPECT_TRUE(got.recovered);
  EXPECT_EQ(texts(got.publications), "4 ");
}

TEST_P(RecoveryTest, SubscriptionsThatWaitTogetherEachGetTheirOwn) {
  publish_many(1, 4);
  std::array<FakeClient, 4> clients;
  std::array<Got, 4> got;
  net_.hub().subscribe(clients[0], name_, {.recover = StreamPosition{1, kAnyEpoch}}, into(got[0]));
  net_.hub().subscribe(clients[1], name_, {}, into(got[1]));
  net_.hub().subscribe(clients[2], name_, {.recover = StreamPosition{3, kAnyEpoch}}, into(got[2]));
  net_.hub().subscribe(clients[3], name_, {.recover = StreamPosition{0, kNoEpoch}}, into(got[3]));
  net_.settle();
  publish("5");
  EXPECT_EQ(texts(got[0].answer->publications), "2 3 4 ");
  EXPECT_EQ(got[1].answer->position.offset, 4U);
  EXPECT_EQ(texts(got[2].answer->publications), "4 ");
  EXPECT_FALSE(got[3].answer->recovered);
  for (const auto& client : clients) EXPECT_EQ(client.frames(), frames({5}));
}

TEST_P(RecoveryTest, WhoLeavesWhileTheHomeIsAskedGetsNothing) {
  publish_many(1, 2);
  FakeClient gone, stays;
  Got none, some;
  net_.hub().subscribe(gone, name_, {.recover = StreamPosition{0, kAnyEpoch}}, into(none));
  const bool at_once = none.answer.has_value();
  net_.forget(0, gone);
  net_.hub().subscribe(stays, name_, {.recover = StreamPosition{0, kAnyEpoch}}, into(some));
  net_.settle();
  EXPECT_EQ(none.answer.has_value(), at_once);
  EXPECT_EQ(at_once, GetParam() == 1);
  EXPECT_EQ(texts(some.answer->publications), "1 2 ");
  publish("3");
  EXPECT_EQ(stays.frames(), frames({3}));
}

TEST_P(RecoveryTest, HistoryIsReadAndCleared) {
  publish_many(1, 3);
  const auto read = [&](broker::HistoryQuery query) {
    std::optional<Result<broker::HistoryPage>> page;
    net_.run(0, [](Hub& hub, std::string name, broker::HistoryQuery q, auto& out) -> Task<void> {
      out = co_await hub.history(std::move(name), std::move(q));
    }(net_.hub(), name_, std::move(query), page));
    net_.settle();
    return std::move(*page);
  };
  EXPECT_EQ(texts(read({.limit = 2})->publications), "1 2 ");
  EXPECT_EQ(texts(read({.limit = 2, .reverse = true})->publications), "3 2 ");
  EXPECT_EQ(read({.limit = 2, .since = StreamPosition{1, kNoEpoch}}).error().code, Errc::unrecoverable_position);
  net_.run(0, net_.hub().clear_history(name_));
  net_.settle();
  EXPECT_EQ(read({.limit = -1})->publications.size(), 0U);
  EXPECT_EQ(read({})->top.offset, 3U);
}

TEST_P(RecoveryTest, WhatIsNotKeptHasNoOffset) {
  FakeClient client;
  subscribe(client);
  publish("1");
  publish("2", {});
  publish("3");
  EXPECT_EQ(client.frames(), frames({1, 2, 3}));
  FakeClient late;
  EXPECT_EQ(texts(subscribe(late, {.recover = StreamPosition{0, kAnyEpoch}}).publications), "1 3 ");
}

TEST_P(RecoveryTest, StreamThatIsDroppedUnderItsSubscribersIsSaid) {
  Hub::Limits limits;
  limits.streams.streams = 1;
  OneThread net(GetParam(), limits, {});
  FakeClient client;
  net.subscribe(0, client, name_);
  net.settle();
  net.publish(0, name_, "1", [](bool) {}, kKept);
  net.settle();
  std::string other = name_;
  do other += "x";
  while (std::hash<std::string_view>{}(other) % GetParam() != std::hash<std::string_view>{}(name_) % GetParam());
  net.publish(0, other, "pushes the stream out", [](bool) {}, kKept);
  net.publish(0, name_, "2", [](bool) {}, kKept);
  net.settle();
  EXPECT_EQ(client.frames(), frames({1}));
  EXPECT_EQ(client.gaps, Frames{name_});
}

class FullLaneTest : public ::testing::Test {
 protected:
  /// Shard 1 is the home, shard 0 the subscriber's, whose lane takes `lane` messages.
  explicit FullLaneTest(std::size_t lane = 4) : net_(2, {}, {.count = lane}), name_(homed(1)) {}

  OneThread net_;
  const std::string name_;
};

TEST_F(FullLaneTest, WhatAFullLaneRefusedIsFetchedAgain) {
  FakeClient client;
  net_.subscribe(0, client, name_);
  net_.settle();
  for (int n = 1; n <= 20; ++n) net_.publish(1, name_, std::to_string(n), [](bool ok) { EXPECT_TRUE(ok); }, kKept);
  net_.settle();
  net_.publish(1, name_, "21", [](bool) {}, kKept);
  net_.settle();
  Frames want;
  for (int n = 1; n <= 21; ++n) want.push_back(fmt::format("P {} {}", name_, n));
  EXPECT_EQ(client.frames(), want);
  EXPECT_TRUE(client.gaps.empty());
  EXPECT_GT(net_.hub(1).stats().gapped, 10U);
  EXPECT_GT(net_.hub(0).stats().refilled, 10U);
}

TEST_F(FullLaneTest, WhatTheHomeNoLongerHasIsSaid) {
  FakeClient client;
  net_.subscribe(0, client, name_);
  net_.settle();
  const HistoryOptions few{.size = 3, .time = std::chrono::minutes(1)};
  for (int n = 1; n <= 20; ++n) net_.publish(1, name_, std::to_string(n), [](bool) {}, few);
  net_.settle();
  EXPECT_EQ(client.gaps, Frames{name_});
  net_.publish(1, name_, "21", [](bool) {}, few);
  net_.settle();
  EXPECT_EQ(client.frames().back(), fmt::format("P {} 21", name_));
}

// GATECAST_SEED=n replays one seed; GATECAST_SEEDS=n runs that many.
// ---- stories -------------------------------------------------------------------------------------------------------

/// One client that comes and goes, and holds what it gets against what was published.
struct Reader {
  std::unique_ptr<FakeClient> client{};  // of the present connection
  unsigned shard = 0;
  std::string channel;
  enum class State : std::uint8_t { away, waiting, on, told } state = State::away;
  StreamPosition at{0, kAnyEpoch};
  bool has_position = false;
  std::size_t parsed = 0;
};

class Story {
 public:
  Story(unsigned shards, std::uint32_t seed)
      : random_(seed), shards_(shards), net_(shards, {}, {.count = 2 + pick(12)}) {
    for (int i = 0; i < 4; ++i) names_.push_back(fmt::format("c{}", i));
    for (const auto& name : names_) history_[name] = {.size = 4 + pick(40), .time = std::chrono::seconds(5 + pick(60))};
    for (int i = 0; i < 8; ++i) readers_.push_back(std::make_unique<Reader>());
  }
  ~Story() {
    for (auto& reader : readers_) {
      if (reader->client) net_.forget(reader->shard, *reader->client);
    }
    for (int i = 0; i < 200; ++i) {
      for (unsigned s = 0; s < shards_; ++s) net_.mail(s);
    }
  }

  void tell(int steps) {
    for (int step = 0; step < steps; ++step) {
      act();
      for (auto& reader : readers_) read(*reader);
    }
    net_.settle();
    for (auto& reader : readers_) read(*reader);
    for (auto& reader : readers_) {
      if (reader->state != Reader::State::on) continue;
      ASSERT_EQ(reader->at.offset, taken_[reader->channel].size()) << "someone missed the end";
    }
  }

  unsigned recovered = 0, unrecovered = 0, gaps = 0, deliveries = 0;
  std::uint64_t refilled() {
    std::uint64_t sum = 0;
    for (unsigned s = 0; s < shards_; ++s) sum += net_.hub(s).stats().refilled;
    return sum;
  }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_()) % n; }

  void act() {
    const unsigned what = pick(100);
    if (what < 35) return publish(1 + pick(4));
    if (what < 60) {
      static_cast<void>(net_.turn(pick(shards_), pick(6)));
      return;
    }
    if (what < 62) return net_.clock.advance(std::chrono::seconds(pick(20)));
    if (what < 64) return net_.hub(pick(shards_)).tick();
    Reader& reader = *readers_[pick(static_cast<unsigned>(readers_.size()))];
    if (reader.state == Reader::State::away) return come(reader);
    if (pick(3) == 0) leave(reader);
  }

  void publish(unsigned count) {
    const std::string& name = names_[pick(4)];
    for (unsigned i = 0; i < count; ++i) {
      const auto number = std::to_string(++last_);
      net_.publish_at(pick(shards_), name, number, history_[name],
                      [this, name, number](const Result<StreamPosition>& position) {
                        if (!position) return;
                        auto& all = taken_[name];
                        if (all.size() < position->offset) all.resize(position->offset);
                        all[position->offset - 1] = number;
                      });
    }
  }

  void come(Reader& reader) {
    reader.state = Reader::State::waiting;
    if (!reader.has_position || pick(6) == 0) {
      reader.shard = pick(shards_);
      reader.channel = names_[pick(4)];
      reader.has_position = false;
    } else {
      reader.shard = pick(shards_);
    }
    reader.client = std::make_unique<FakeClient>();
    reader.parsed = 0;
    reader.client->then_gap = [this, &reader](std::string_view name) {
      ++gaps;
      net_.hub(reader.shard).unsubscribe(*reader.client, name);
      reader.state = Reader::State::told;
    };
    SubscribeOptions options;
    const bool recovers = reader.has_position;
    if (recovers) options.recover = reader.at;
    net_.hub(reader.shard)
        .subscribe(*reader.client, reader.channel, std::move(options),
                   [this, &reader, recovers](Result<Subscribed> done) { answered(reader, recovers, std::move(done)); });
  }

  void answered(Reader& reader, bool recovers, Result<Subscribed> done) {
    if (!done) {
      ASSERT_EQ(done.error().code, Errc::overloaded);
      reader.state = Reader::State::told;
      return;
    }
    reader.state = Reader::State::on;
    if (!recovers || !done->recovered) {
      ASSERT_TRUE(done->publications.empty());
      unrecovered += recovers ? 1 : 0;
    } else {
      ++recovered;
      ASSERT_EQ(done->position.epoch, reader.at.epoch);
      ASSERT_EQ(done->publications.size(), done->position.offset - reader.at.offset);
      for (const auto& p : done->publications) {
        ASSERT_EQ(p->offset, ++reader.at.offset);
        expected_[reader.channel][p->offset].push_back(p->data);
      }
    }
    reader.at = done->position;
    reader.has_position = true;
  }

  void leave(Reader& reader) {
    read(reader);
    net_.forget(reader.shard, *reader.client);
    buried_.push_back(std::move(reader.client));
    reader.state = Reader::State::away;
  }

  /// Each frame is the publication after the one before.
  void read(Reader& reader) {
    if (!reader.client) return;
    std::vector<std::string> frames;
    ASSERT_TRUE(testing::parse_frames(reader.client->received, reader.parsed, frames));
    for (const auto& frame : frames) {
      const auto data = frame.substr(frame.rfind(' ') + 1);
      ++reader.at.offset;
      ++deliveries;
      expected_[reader.channel][reader.at.offset].push_back(data);
    }
  }

 public:
  /// What everyone saw at an offset is what was published at it.
  void check() {
    for (const auto& [name, by_offset] : expected_) {
      for (const auto& [offset, seen] : by_offset) {
        ASSERT_LE(offset, taken_[name].size());
        for (const auto& data : seen) ASSERT_EQ(data, taken_[name][offset - 1]) << name << " " << offset;
      }
    }
  }

 private:
  std::mt19937 random_;
  const unsigned shards_;
  OneThread net_;
  std::vector<std::string> names_;
  std::map<std::string, HistoryOptions> history_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<std::unique_ptr<FakeClient>> buried_;
  std::map<std::string, std::vector<std::string>> taken_;  // by offset - 1
  std::map<std::string, std::map<std::uint64_t, std::vector<std::string>>> expected_;
  std::uint64_t last_ = 0;
};

TEST(RecoveryStories, EveryoneGetsEverythingOnceOrIsTold) {
  std::uint32_t count = 200, first = 1;
  if (const char* n = std::getenv("GATECAST_SEEDS")) count = static_cast<std::uint32_t>(std::strtoul(n, nullptr, 10));
  if (const char* n = std::getenv("GATECAST_SEED")) {
    first = static_cast<std::uint32_t>(std::strtoul(n, nullptr, 10));
    count = 1;
  }
  unsigned recovered = 0, unrecovered = 0, gaps = 0, deliveries = 0;
  std::uint64_t refilled = 0;
  for (std::uint32_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(fmt::format("GATECAST_SEED={}", seed));
    Story story(1 + seed % 4, seed);
    story.tell(400);
    story.check();
    if (::testing::Test::HasFailure()) return;
    recovered += story.recovered;
    unrecovered += story.unrecovered;
    gaps += story.gaps;
    deliveries += story.deliveries;
    refilled += story.refilled();
  }
  std::printf("%u recovered, %u could not, %u told of a gap, %llu fetched again, %u delivered\n", recovered,
              unrecovered, gaps, static_cast<unsigned long long>(refilled), deliveries);
  if (count < 200) return;
  EXPECT_GT(recovered, 1000U);
  EXPECT_GT(unrecovered, 100U);
  EXPECT_GT(gaps, 20U);
  EXPECT_GT(refilled, 200U);
  EXPECT_GT(deliveries, 20'000U);
}

}  // namespace
}  // namespace gatecast::hub
