// Homes on a broker that nodes share, step by step: what holds them up, and what everybody gets all the same.
#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using broker::HistoryOptions;
using broker::kAnyEpoch;
using broker::StreamPosition;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeClient;
using testing::OneThread;
using Frames = std::vector<std::string>;

constexpr HistoryOptions kKept{.size = 50, .time = std::chrono::hours{1}};

/// Two nodes of two shards; the channel's home is shard `GetParam()`, its subscribers are on shard 0.
class SharedHomesTest : public ::testing::TestWithParam<unsigned> {
 protected:
  SharedHomesTest() : a_(2, limits(), {}, 1, &truth_), b_(2, limits(), {}, 2, &truth_) {
    while (std::hash<std::string_view>{}(name_) % 2 != GetParam()) name_ += "x";
  }
  static Hub::Limits limits() {
    Hub::Limits limits;
    limits.shared.tell_apart = {};
    return limits;
  }
  broker::MemoryBroker& home() { return a_.broker(GetParam()); }

  void settle() {
    for (int round = 0; round < 6; ++round) {
      a_.settle();
      b_.settle();
    }
  }
  void pass(Duration time) {
    for (Duration step = milliseconds{100}; time > Duration::zero(); time -= step) {
      for (auto* clock : {&clock_, &a_.clock, &b_.clock}) clock->advance(step);
      a_.tend();
      b_.tend();
      settle();
    }
  }
  std::optional<Errc> publish(OneThread& node, const std::string& data, HistoryOptions history = kKept) {
    std::optional<Errc> refused;
    bool answered = false;
    node.publish_at(0, name_, data, history, [&](const Result<StreamPosition>& done) {
      answered = true;
      if (!done) refused = done.error().code;
    });
    settle();
    EXPECT_TRUE(answered);
    return refused;
  }
  void publish_many(int from, int to) {
    for (int n = from; n <= to; ++n) EXPECT_EQ(publish(b_, std::to_string(n)), std::nullopt);
  }
  struct Got {
    std::optional<Subscribed> answer{};
    std::optional<Errc> refused{};
  };
  void begin(FakeClient& client, Got& got, SubscribeOptions options = {}) {
    options.kept = true;
    a_.enter(0);
    a_.hub(0).subscribe(client, name_, std::move(options), [&got](Result<Subscribed> done) {
      if (done) got.answer = std::move(*done);
      if (!done) got.refused = done.error().code;
    });
  }
  Subscribed subscribe(FakeClient& client, SubscribeOptions options = {}) {
    Got got;
    begin(client, got, std::move(options));
    settle();
    EXPECT_TRUE(got.answer.has_value());
    return got.answer.value_or(Subscribed{});
  }
  static std::string texts(const std::vector<broker::PublicationRef>& publications) {
    std::string text;
    for (const auto& p : publications) text += p->data + " ";
    return text;
  }
  Frames frames(int from, int to) const { return testing::publications(from, to + 1, name_); }
  void let_answers() {
    while (home().let_answer()) continue;
    settle();
  }
  void let_messages() {
    while (home().let_message()) continue;
    settle();
  }

  ManualClock clock_;
  broker::MemoryTruth truth_{clock_};
  OneThread a_, b_;
  std::string name_ = "news";
};
INSTANTIATE_TEST_SUITE_P(Homes, SharedHomesTest, ::testing::Values(0u, 1u));

TEST_P(SharedHomesTest, EveryNodesSubscribersGetEverythingOnceInOrder) {
  FakeClient here, there;
  EXPECT_EQ(subscribe(here).position.offset, 0U);
  b_.enter(1);
  b_.hub(1).subscribe(there, name_, {.kept = true}, [](const Result<Subscribed>& done) { EXPECT_TRUE(done); });
  settle();
  home().duplicate(1);
  for (int n = 1; n <= 6; ++n) EXPECT_EQ(publish(n % 2 == 0 ? a_ : b_, std::to_string(n)), std::nullopt);
  EXPECT_EQ(here.frames(), frames(1, 6));
  EXPECT_EQ(there.frames(), frames(1, 6));
  FakeClient late;
  EXPECT_EQ(subscribe(late).position.offset, 6U);
}

TEST_P(SharedHomesTest, AHoleIsFilledFromTheHistory) {
  FakeClient client;
  subscribe(client);
  publish_many(1, 2);
  home().lose_messages(3);
  publish_many(3, 6);
  EXPECT_EQ(client.frames(), frames(1, 6));
  EXPECT_TRUE(client.gaps.empty());
}

TEST_P(SharedHomesTest, WhatWasLostWithoutASignIsFoundByLooking) {
  FakeClient client;
  subscribe(client);
  home().lose_messages(1);
  publish_many(1, 1);
  pass(seconds{5});
  EXPECT_EQ(client.frames(), Frames{});
  pass(seconds{60});
  EXPECT_EQ(client.frames(), frames(1, 1));
}

TEST_P(SharedHomesTest, AfterAnInterruptionNobodyNoticesAnything) {
  FakeClient client;
  subscribe(client);
  publish_many(1, 2);
  home().cut();
  publish_many(3, 6);
  EXPECT_EQ(client.frames(), frames(1, 2));
  home().mend();
  settle();
  EXPECT_EQ(client.frames(), frames(1, 6)) << "not only once more is published";
  publish_many(7, 8);
  EXPECT_EQ(client.frames(), frames(1, 8));
  EXPECT_TRUE(client.gaps.empty());
}

TEST_P(SharedHomesTest, WhatTheHistoryHasNoMoreIsTold) {
  FakeClient client;
  subscribe(client);
  publish_many(1, 1);
  home().cut();
  for (int n = 2; n <= 9; ++n) publish(b_, std::to_string(n), {.size = 3, .time = std::chrono::hours{1}});
  home().mend();
  settle();
  publish_many(10, 10);
  EXPECT_EQ(client.frames(), frames(1, 1)) << "nothing before it is told";
  pass(milliseconds{100});
  EXPECT_EQ(client.gaps, Frames{name_});
  EXPECT_EQ(client.frames(), testing::Frames({fmt::format("P {} 1", name_), fmt::format("P {} 10", name_)}));
}

TEST_P(SharedHomesTest, WithoutAHistoryWhoMayHaveMissedSomethingIsTold) {
  FakeClient client;
  a_.enter(0);
  a_.hub(0).subscribe(client, name_, {}, [](const Result<Subscribed>& done) { EXPECT_TRUE(done); });
  settle();
  publish(b_, "1", {});
  home().cut();
  publish(b_, "2", {});
  home().mend();
  settle();
  pass(milliseconds{100});
  publish(b_, "3", {});
  EXPECT_EQ(client.gaps, Frames{name_});
  EXPECT_EQ(client.frames().size(), 2U);
}

TEST_P(SharedHomesTest, AServerThatTakesOverBehindIsToldAndWhoWasNotAheadOfItGoesOn) {
  std::array<FakeClient, 2> clients;
  const std::uint64_t epoch = subscribe(clients[0]).position.epoch;
  clients[0].then_gap = [&](std::string_view channel) { a_.hub(0).unsubscribe(clients[0], channel); };
  truth_.follow();
  publish_many(1, 4);
  truth_.freeze();
  publish_many(5, 9);
  truth_.promote();
  settle();
  publish_many(50, 51);
  EXPECT_EQ(clients[0].frames(), frames(1, 9)) << "nothing of the new epoch before they are told";
  pass(milliseconds{100});
  EXPECT_EQ(clients[0].gaps, Frames{name_});
  // One had what is lost, one had not.
  const Subscribed ahead = subscribe(clients[0], {.recover = StreamPosition{9, epoch}});
  EXPECT_FALSE(ahead.recovered);
  EXPECT_EQ(ahead.position.offset, 6U);
  const Subscribed behind = subscribe(clients[1], {.recover = StreamPosition{3, epoch}});
  EXPECT_TRUE(behind.recovered);
  EXPECT_EQ(texts(behind.publications), "4 50 51 ");
  publish_many(52, 52);
  for (const auto& client : clients) EXPECT_EQ(client.frames().back(), fmt::format("P {} 52", name_));
}

// A subscriber comes back before the others are told: it does not wait, and they are told before it is answered.
TEST_P(SharedHomesTest, WhoRecoversAfterATakeoverIsAnsweredAtOnce) {
  FakeClient stays, back;
  const std::uint64_t epoch = subscribe(stays).position.epoch;
  publish_many(1, 3);
  truth_.promote();
  settle();
  publish_many(4, 4);
  const Subscribed got = subscribe(back, {.recover = StreamPosition{2, epoch}});
  EXPECT_TRUE(got.recovered);
  EXPECT_EQ(texts(got.publications), "3 4 ");
  EXPECT_EQ(stays.gaps, Frames{name_});
  EXPECT_EQ(stays.frames(), frames(1, 3));
  EXPECT_TRUE(back.gaps.empty());
  pass(seconds{1});
  EXPECT_TRUE(back.gaps.empty()) << "told of the epoch in which it came";
}

TEST_P(SharedHomesTest, AnAnswerOlderThanWhatWasHandedOutIsMadeWhole) {
  FakeClient stays, back;
  const StreamPosition at = subscribe(stays).position;
  publish_many(1, 3);
  home().hold(true);
  Got got;
  begin(back, got, {.recover = StreamPosition{1, at.epoch}});
  settle();
  publish_many(4, 5);
  let_messages();
  EXPECT_EQ(stays.frames(), frames(1, 5));
  EXPECT_FALSE(got.answer.has_value());
  let_answers();
  ASSERT_TRUE(got.answer.has_value());
  EXPECT_EQ(texts(got.answer->publications), "2 3 4 5 ");
  publish_many(6, 6);
  let_messages();
  EXPECT_EQ(back.frames(), frames(6, 6));
  home().hold(false);
}

TEST_P(SharedHomesTest, AnAnswerAheadOfWhatWasHandedOutBringsTheOthersThereFirst) {
  FakeClient stays, back, ahead;
  const StreamPosition at = subscribe(stays).position;
  publish_many(1, 2);
  home().hold(true);
  publish_many(3, 5);
  EXPECT_EQ(stays.frames(), frames(1, 2));
  Got got, told;
  begin(back, got, {.recover = StreamPosition{1, at.epoch}});
  settle();
  let_answers();
  ASSERT_TRUE(got.answer.has_value());
  EXPECT_EQ(texts(got.answer->publications), "2 3 4 5 ");
  EXPECT_EQ(stays.frames(), frames(1, 5));
  publish_many(6, 7);
  // From another node it knows more than this one has heard.
  begin(ahead, told, {.recover = StreamPosition{7, at.epoch}});
  for (int n = 0; n < 4; ++n) {
    settle();
    let_answers();
  }
  ASSERT_TRUE(told.answer.has_value());
  EXPECT_TRUE(told.answer->recovered);
  EXPECT_EQ(told.answer->position.offset, 7U);
  let_messages();
  EXPECT_EQ(stays.frames(), frames(1, 7));
  EXPECT_EQ(back.frames(), frames(6, 7));
  EXPECT_EQ(ahead.frames(), Frames{});
  home().hold(false);
}

TEST_P(SharedHomesTest, SubscribersThatWereAtOnePlaceAreAskedForOnce) {
  FakeClient first;
  const StreamPosition at = subscribe(first).position;
  publish_many(1, 3);
  std::array<FakeClient, 20> clients;
  std::array<Got, 20> got;
  const std::uint64_t before = home().commands();
  for (std::size_t i = 0; i < clients.size(); ++i) begin(clients[i], got[i], {.recover = StreamPosition{1, at.epoch}});
  settle();
  EXPECT_LE(home().commands() - before, 2U);
  for (const auto& one : got) EXPECT_EQ(texts(one.answer.value().publications), "2 3 ");
}

TEST_P(SharedHomesTest, TheNewestAloneAndABoundAreAsWithoutABroker) {
  FakeClient one, two, three;
  publish_many(1, 40);
  EXPECT_EQ(texts(subscribe(one, {.recover = StreamPosition{1, kAnyEpoch}, .newest_only = true}).publications), "40 ");
  const Subscribed all = subscribe(two, {.recover = StreamPosition{0, kAnyEpoch}});
  EXPECT_EQ(all.publications.size(), 40U);
  EXPECT_FALSE(subscribe(three, {.recover = StreamPosition{41, kAnyEpoch}}).recovered);
}

TEST_P(SharedHomesTest, ALoadOfAPageCostsNoRoundTripWithinTheLinger) {
  FakeClient first, second;
  subscribe(first);
  a_.forget(0, first);
  settle();
  pass(seconds{1});
  const std::uint64_t before = home().commands();
  subscribe(second);
  EXPECT_EQ(home().commands(), before);
  a_.forget(0, second);
  settle();
  pass(seconds{6});
  EXPECT_EQ(home().listening(), 0U);
  EXPECT_EQ(a_.hub(GetParam()).channel_count(), 0U);
  EXPECT_EQ(a_.hub(GetParam()).shared()->homes(), 0U);
}

TEST_P(SharedHomesTest, OutOfTouchASubscriptionIsRefusedAndOpenOnesStay) {
  FakeClient open, late;
  subscribe(open);
  a_.broker(0).cut();
  a_.broker(1).cut();
  std::string other = name_;
  do other += "y";
  while (std::hash<std::string_view>{}(other) % 2 != GetParam());
  std::optional<Errc> refused;
  a_.enter(0);
  a_.hub(0).subscribe(late, other, {.kept = true},
                      [&](const Result<Subscribed>& done) { refused = done ? Errc::internal : done.error().code; });
  settle();
  EXPECT_EQ(refused, Errc::temporarily_unavailable);
  EXPECT_EQ(publish(a_, "1"), Errc::temporarily_unavailable);
  a_.broker(0).mend();
  a_.broker(1).mend();
  settle();
  publish_many(1, 1);
  EXPECT_EQ(open.frames(), frames(1, 1));
}

TEST_P(SharedHomesTest, TheServersOwnMessagesWaitAndComeOnceInOrder) {
  FakeClient client;
  subscribe(client);
  int published = 0;
  const auto push = [&](int n) {
    auto p = std::make_shared<broker::Publication>();
    p->channel = name_;
    p->data = std::to_string(n);
    a_.enter(GetParam());
    a_.hub(GetParam()).publish_always(std::move(p), kKept, [&] { ++published; });
  };
  push(1);
  settle();
  home().lose_answers(1);  // it lands, and nobody hears it
  push(2);
  push(3);
  settle();
  home().cut();
  for (int n = 4; n <= 9; ++n) push(n);
  pass(seconds{2});
  EXPECT_EQ(a_.hub(GetParam()).shared()->pushes().waiting(), 8U);
  home().mend();
  pass(seconds{2});
  EXPECT_EQ(client.frames(), frames(1, 9));
  EXPECT_EQ(published, 9);
  EXPECT_EQ(a_.hub(GetParam()).shared()->pushes().waiting(), 0U);
}

TEST_P(SharedHomesTest, PersonalPublicationsAreHeardBeforeTheyAreHandedOut) {
  name_ = "#ann";
  while (std::hash<std::string_view>{}(name_) % 2 != GetParam()) name_ += "x";
  FakeClient client;
  std::string heard, lost;
  a_.hub(GetParam()).on_received([&](const broker::Publication& p) {
    heard += p.data + (client.received.empty() ? " " : "! ");
  });
  a_.hub(GetParam()).on_missed([&](std::string_view channel) { lost += channel; });
  subscribe(client);
  publish_many(1, 1);
  EXPECT_EQ(heard, "1 ");
  EXPECT_EQ(client.frames(), frames(1, 1));
  truth_.restart_empty();
  settle();
  pass(seconds{1});
  EXPECT_EQ(lost, name_);
}

TEST_P(SharedHomesTest, PresenceIsThatOfAllNodes) {
  const auto who = std::make_shared<const broker::ClientInfo>(broker::ClientInfo{"ann", "c1"});
  FakeClient client;
  a_.enter(0);
  a_.hub(0).subscribe(client, name_, {.joins = true, .kept = true}, [](const Result<Subscribed>&) {});
  settle();
  b_.enter(1);
  b_.hub(1).enter(name_, who, true, true);
  settle();
  std::optional<Result<broker::PresenceCount>> count;
  a_.run(0, [](Hub& hub, std::string name, auto& out) -> Task<void> {
    out = co_await hub.presence_count(std::move(name));
  }(a_.hub(0), name_, count));
  settle();
  EXPECT_EQ((*count)->clients, 1U);
  EXPECT_EQ(client.frames().size(), 1U) << "told that somebody came";
}

}  // namespace
}  // namespace gatecast::hub
