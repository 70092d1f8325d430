
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
  net_.clear(0, name_);
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

// Nothing published since the drop has told the shard; the answer about the new stream does.
TEST_P(RecoveryTest, WhoRecoversFromADroppedStreamIsAnsweredAndTheOthersAreTold) {
  Hub::Limits limits;
  limits.streams.streams = 1;
  OneThread net(GetParam(), limits, {});
  FakeClient stays, back;
  net.subscribe(0, stays, name_);
  net.settle();
  net.publish(0, name_, "1", [](bool) {}, kKept);
  net.settle();
  std::string other = name_;
  do other += "x";
  while (std::hash<std::string_view>{}(other) % GetParam() != std::hash<std::string_view>{}(name_) % GetParam());
  net.publish(0, other, "pushes the stream out", [](bool) {}, kKept);
  net.settle();
  Got got;
  net.hub().subscribe(back, name_, {.recover = StreamPosition{1, kAnyEpoch}}, into(got));
  net.settle();
  ASSERT_TRUE(got.answer.has_value());
  EXPECT_FALSE(got.answer->recovered);
  EXPECT_EQ(got.answer->position.offset, 0U);
  EXPECT_EQ(stays.gaps, Frames{name_});
  EXPECT_TRUE(back.gaps.empty());
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

// The home is asked before the shard has looked into its lane; what lies there brings it to where the history reaches.
TEST_F(FullLaneTest, NobodyIsToldOfAGapThatTheHistoryFillsByNow) {
  FakeClient client;
  net_.subscribe(0, client, name_);
  net_.settle();
  const HistoryOptions few{.size = 3, .time = std::chrono::minutes(1)};
  for (int n = 1; n <= 6; ++n) net_.publish(1, name_, std::to_string(n), [](bool) {}, few);
  net_.mail(0, 0);  // hears that the lane was full
  net_.mail(1);     // the home answers: 4 to 6
  net_.settle();
  EXPECT_EQ(client.frames(), testing::publications(1, 7, name_));
  EXPECT_TRUE(client.gaps.empty());
}

TEST_F(FullLaneTest, LostWordOfWhoComesEndsNoSubscription) {
  FakeClient client;
  net_.hub().subscribe(client, name_, {.joins = true}, [](const Result<Subscribed>&) {});
  net_.settle();
  const auto who = std::make_shared<const broker::ClientInfo>(broker::ClientInfo{"user", "client"});
  for (int n = 0; n < 20; ++n) net_.hub(1).enter(name_, who, false, true);
  net_.settle();
  EXPECT_GT(net_.hub(1).stats().gapped, 10U);
  EXPECT_EQ(client.frames().size(), 4U);
  EXPECT_TRUE(client.gaps.empty());
}

TEST(WideHistoryTest, IsFetchedInPartsThatFitTheLane) {
  Hub::Limits limits;
  limits.refill_bytes = 400;
  OneThread net(2, limits, {.bytes = 1000});
  const std::string name = homed(1);
  FakeClient client;
  net.subscribe(0, client, name);
  net.settle();
  for (int n = 1; n <= 40; ++n) net.publish(1, name, std::to_string(n), [](bool) {}, kKept);
  net.settle();
  EXPECT_EQ(client.frames(), testing::publications(1, 41, name));
  EXPECT_TRUE(client.gaps.empty());
}

}  // namespace
}  // namespace gatecast::hub
