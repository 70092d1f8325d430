// Filters and differences on one shard and two: who gets what, frame by frame, below and above the bound of logs.
#include "hub/apart.hpp"

#include "broker/fossil.hpp"
#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using broker::HistoryOptions;
using broker::StreamPosition;
using testing::FakeClient;
using testing::LineForm;
using testing::OneThread;
using Frames = std::vector<std::string>;

constexpr HistoryOptions kKept{.size = 50, .time = std::chrono::minutes(10)};

FilterRef filter(std::string_view json) {
  auto parsed = protocol::TagsFilter::parse(json);
  EXPECT_TRUE(parsed.has_value());
  return std::make_shared<const protocol::TagsFilter>(std::move(*parsed));
}
FilterRef kind(std::string_view value) { return filter(fmt::format(R"({{"key":"k","cmp":"eq","val":"{}"}})", value)); }

/// Data alike enough for differences.
std::string state(int n) { return fmt::format(R"({{"n":{},"text":"{}"}})", n, std::string(100, 'x')); }

Task<void> publishing(Hub& hub, std::shared_ptr<broker::Publication> publication, HistoryOptions history) {
  const auto position = co_await hub.publish(std::move(publication), {.history = history});
  EXPECT_TRUE(position.has_value());
}

/// Below and above the number of subscribers from which there is a log; the channel's home here and on the other shard.
struct Place {
  std::size_t others;
  unsigned shards;
};

class ApartTest : public ::testing::TestWithParam<Place> {
 protected:
  ApartTest() : net_(GetParam().shards, {}, {}) {
    for (int i = 0; GetParam().shards == 2 && std::hash<std::string_view>{}(name_) % 2 == 0; ++i) {
      name_ = fmt::format("a{}", i);
    }
    for (std::size_t i = 0; i < GetParam().others; ++i)
      subscribe(*others_.emplace_back(std::make_unique<FakeClient>()));
  }

  Subscribed subscribe(FakeClient& client, SubscribeOptions options = {}) {
    std::optional<Subscribed> got;
    net_.hub().subscribe(client, name_, std::move(options), [&](Result<Subscribed> done) { got = std::move(*done); });
    net_.settle();
    EXPECT_TRUE(got.has_value());
    return got.value_or(Subscribed{});
  }
  void publish(std::string data, broker::Publication like = {}, HistoryOptions history = kKept) {
    like.channel = name_;
    like.data = std::move(data);
    net_.run(0, publishing(net_.hub(), std::make_shared<broker::Publication>(std::move(like)), history));
    net_.settle();
  }
  void publish_kinds(std::initializer_list<std::string_view> kinds) {
    for (const auto k : kinds) publish(std::string(k), {.tags = {{"k", std::string(k)}}});
  }
  void publish_delta(int n, bool delta = true) { publish(state(n), {.delta = delta}); }
  std::string plain(std::string_view data) const { return fmt::format("P {} {}", name_, data); }
  std::string whole(int n) const { return fmt::format("P {} whole {}", name_, state(n)); }
  std::string delta(int from, int n) const {
    return fmt::format("P {} delta {}", name_, broker::fossil_delta(state(from), state(n)));
  }
  void expect_others(std::size_t count) {
    for (const auto& other : others_) EXPECT_EQ(other->frames().size(), count);
  }

  OneThread net_;
  std::string name_ = "a";
  std::vector<std::unique_ptr<FakeClient>> others_;
};
INSTANTIATE_TEST_SUITE_P(Places, ApartTest, ::testing::Values(Place{0, 1}, Place{3, 1}, Place{20, 1}, Place{20, 2}));

TEST_P(ApartTest, FilteredSubscribersGetWhatFits) {
  FakeClient reds, blues, both;
  subscribe(reds, {.filter = kind("red")});
  subscribe(blues, {.filter = kind("blue")});
  subscribe(both, {.filter = filter(R"({"key":"k","cmp":"in","vals":["red","blue"]})")});
  publish_kinds({"red", "green", "blue", "red"});
  publish("untagged");
  EXPECT_EQ(reds.frames(), (Frames{plain("red"), plain("red")}));
  EXPECT_EQ(blues.frames(), (Frames{plain("blue")}));
  EXPECT_EQ(both.frames(), (Frames{plain("red"), plain("blue"), plain("red")}));
  expect_others(5);
}

TEST_P(ApartTest, ManyWithEqualFiltersShareTheFrame) {
  std::vector<std::unique_ptr<FakeClient>> reds;
  static const LineForm form('F');
  for (int i = 0; i < 30; ++i) {
    subscribe(*reds.emplace_back(std::make_unique<FakeClient>(FakeClient::all(), form)), {.filter = kind("red")});
  }
  const auto before = form.encoded;
  publish_kinds({"red", "blue", "red"});
  EXPECT_EQ(form.encoded - before, 2u);
  for (const auto& client : reds) EXPECT_EQ(client->frames().size(), 2u);
  for (std::size_t i = 0; i < reds.size(); ++i) {
    if (i % 2 == 0) EXPECT_TRUE(net_.hub().unsubscribe(*reds[i], name_));
    if (i % 3 == 0) net_.forget(0, *reds[i]);
  }
  publish_kinds({"red"});
  for (std::size_t i = 0; i < reds.size(); ++i) {
    EXPECT_EQ(reds[i]->frames().size(), i % 2 == 0 || i % 3 == 0 ? 2u : 3u);
  }
}

TEST_P(ApartTest, JoinsAreNotFiltered) {
  FakeClient reds;
  subscribe(reds, {.joins = true, .filter = kind("red")});
  const auto who = std::make_shared<const broker::ClientInfo>(broker::ClientInfo{"u", "c", "", ""});
  net_.hub().enter(name_, who, false, true);
  net_.settle();
  publish_kinds({"blue"});
  EXPECT_EQ(reds.frames(), (Frames{plain("")}));
}

TEST_P(ApartTest, WhatWasMissedIsFilteredAndStaysRecovered) {
  publish_kinds({"red", "blue", "blue", "red", "blue"});
  FakeClient reds, blues, none;
  auto got = subscribe(reds, {.recover = StreamPosition{1, broker::kAnyEpoch}, .filter = kind("red")});
  EXPECT_TRUE(got.recovered);
  ASSERT_EQ(got.publications.size(), 1u);
  EXPECT_EQ(got.publications[0]->offset, 4u);
  EXPECT_EQ(got.position.offset, 5u);
  got = subscribe(none, {.recover = StreamPosition{1, broker::kAnyEpoch}, .filter = kind("green")});
  EXPECT_TRUE(got.recovered);
  EXPECT_TRUE(got.publications.empty());
  EXPECT_EQ(got.position.offset, 5u);
  publish_kinds({"red", "green"});
  EXPECT_EQ(reds.frames(), (Frames{plain("red")}));
  EXPECT_EQ(none.frames(), (Frames{plain("green")}));
}

TEST_P(ApartTest, OfOneValueTheNewestThatFits) {
  publish_kinds({"red", "blue", "red", "blue", "blue"});
  const auto newest = [&](std::uint64_t since, std::string_view value) {
    FakeClient client;
    const auto at = StreamPosition{since, broker::kAnyEpoch};
    auto got = subscribe(client, {.recover = at, .newest_only = true, .filter = kind(value)});
    net_.forget(0, client);
    return got;
  };
  auto got = newest(0, "red");
  EXPECT_TRUE(got.recovered);
  ASSERT_EQ(got.publications.size(), 1u);
  EXPECT_EQ(got.publications[0]->offset, 3u);
  got = newest(3, "red");
  EXPECT_TRUE(got.recovered) << "the reader has it";
  EXPECT_TRUE(got.publications.empty());
  EXPECT_FALSE(newest(0, "green").recovered);
}

TEST_P(ApartTest, OneWholeThenDifferences) {
  FakeClient client;
  subscribe(client, {.delta = true});
  for (int n = 1; n <= 4; ++n) publish_delta(n);
  EXPECT_EQ(client.frames(), (Frames{whole(1), delta(1, 2), delta(2, 3), delta(3, 4)}));
  expect_others(4);
}

TEST_P(ApartTest, WholeWhereNotPublishedSoOrNotShorter) {
  FakeClient client;
  subscribe(client, {.delta = true});
  publish_delta(1);
  publish_delta(2, false);
  publish_delta(3);
  publish("1", {.delta = true});
  publish("2", {.delta = true});
  publish_delta(4);
  publish_delta(5);
  EXPECT_EQ(client.frames(), (Frames{whole(1), whole(2), delta(2, 3), fmt::format("P {} whole 1", name_),
                                     fmt::format("P {} whole 2", name_), whole(4), delta(4, 5)}));
}

TEST_P(ApartTest, WhoComesLaterGetsTheNextWhole) {
  FakeClient first, second;
  subscribe(first, {.delta = true});
  publish_delta(1);
  publish_delta(2);
  subscribe(second, {.delta = true});
  publish_delta(3);
  publish_delta(4);
  EXPECT_EQ(first.frames(), (Frames{whole(1), delta(1, 2), delta(2, 3), delta(3, 4)}));
  EXPECT_EQ(second.frames(), (Frames{whole(3), delta(3, 4)}));
  net_.hub().unsubscribe(second, name_);
  subscribe(second, {.delta = true});
  publish_delta(5);
  publish_delta(6);
  EXPECT_EQ(second.frames(), (Frames{whole(3), delta(3, 4), whole(5), delta(5, 6)}));
  // One who leaves before its first publication changes nothing for the others.
  FakeClient third;
  subscribe(third, {.delta = true});
  net_.forget(0, third);
  net_.forget(0, second);
  publish_delta(7);
  EXPECT_EQ(first.frames().back(), delta(6, 7));
}

TEST_P(ApartTest, AfterARecoveryDifferencesGoOn) {
  FakeClient stays, back, idle;
  subscribe(stays, {.delta = true});
  for (int n = 1; n <= 3; ++n) publish_delta(n);
  const auto got = subscribe(back, {.recover = StreamPosition{1, broker::kAnyEpoch}, .delta = true});
  EXPECT_EQ(got.publications.size(), 2u);
  // Nothing was missed: whether it holds the newest one cannot be known.
  EXPECT_TRUE(subscribe(idle, {.recover = StreamPosition{3, broker::kAnyEpoch}, .delta = true}).recovered);
  publish_delta(4);
  publish_delta(5);
  EXPECT_EQ(back.frames(), (Frames{delta(3, 4), delta(4, 5)}));
  EXPECT_EQ(idle.frames(), (Frames{whole(4), delta(4, 5)}));
}

TEST_P(ApartTest, FirstToTakeDifferencesMayHaveRecovered) {
  for (int n = 1; n <= 3; ++n) publish_delta(n);
  FakeClient back;
  subscribe(back, {.recover = StreamPosition{0, broker::kAnyEpoch}, .delta = true});
  publish_delta(4);
  EXPECT_EQ(back.frames(), (Frames{delta(3, 4)}));
}

TEST_P(ApartTest, WhatIsNotKeptIsABaseForThoseWhoGotIt) {
  FakeClient stays, back;
  subscribe(stays, {.delta = true});
  publish_delta(1);
  publish(state(2), {.delta = true}, {});  // past the history
  const auto got = subscribe(back, {.recover = StreamPosition{0, broker::kAnyEpoch}, .delta = true});
  EXPECT_EQ(got.publications.size(), 1u);
  publish_delta(3);
  publish_delta(4);
  EXPECT_EQ(stays.frames(), (Frames{whole(1), delta(1, 2), delta(2, 3), delta(3, 4)}));
  EXPECT_EQ(back.frames(), (Frames{whole(3), delta(3, 4)}));
}

TEST_P(ApartTest, ClearedHistoryChangesNothingForThoseWhoAreThere) {
  FakeClient client;
  subscribe(client, {.delta = true});
  publish_delta(1);
  net_.clear(0, name_);
  net_.settle();
  publish_delta(2);
  EXPECT_EQ(client.frames(), (Frames{whole(1), delta(1, 2)}));
}

TEST_P(ApartTest, OverAHoleTheBaseIsWhatWasHandedOut) {
  // Publications that are not kept, and a lane that does not take them all: who stays though it was told of the hole
  // gets the difference from what it has got.
  if (GetParam().shards == 1) return;
  FakeClient client;
  OneThread net(2, {}, {.count = 3});
  net.subscribe(0, client, name_);
  net.settle();
  net.hub().unsubscribe(client, name_);
  std::optional<Subscribed> got;
  net.hub().subscribe(client, name_, {.delta = true}, [&](Result<Subscribed> done) { got = std::move(*done); });
  net.settle();
  const auto publish_at_home = [&](int n) {
    auto p = std::make_shared<broker::Publication>();
    p->channel = name_;
    p->data = state(n);
    p->delta = true;
    net.run(1, publishing(net.hub(1), std::move(p), {}));
  };
  publish_at_home(0);
  net.settle();
  for (int n = 1; n <= 5; ++n) publish_at_home(n);
  net.settle();
  ASSERT_EQ(client.gaps.size(), 2u);
  publish_at_home(6);
  publish_at_home(7);
  net.settle();
  EXPECT_EQ(client.frames(), (Frames{whole(0), delta(0, 1), delta(1, 2), delta(2, 3), delta(3, 6), delta(6, 7)}));
}

TEST_P(ApartTest, JoinsComeBetweenDifferences) {
  FakeClient client;
  subscribe(client, {.joins = true, .delta = true});
  const auto who = std::make_shared<const broker::ClientInfo>(broker::ClientInfo{"u", "c", "", ""});
  const auto enter = [&] {
    net_.hub().enter(name_, who, false, true);
    net_.settle();
  };
  enter();
  publish_delta(1);
  FakeClient late;
  subscribe(late, {.joins = true, .delta = true});
  enter();
  publish_delta(2);
  const std::string join = plain("whole ");  // this form tells them so
  EXPECT_EQ(client.frames(), (Frames{join, whole(1), join, delta(1, 2)}));
  EXPECT_EQ(late.frames(), (Frames{join, whole(2)}));
}

TEST_P(ApartTest, EncodedOnceForAllWhoHoldTheBase) {
  static const LineForm form('D');
  std::vector<std::unique_ptr<FakeClient>> clients;
  for (int i = 0; i < 30; ++i) {
    subscribe(*clients.emplace_back(std::make_unique<FakeClient>(FakeClient::all(), form)), {.delta = true});
  }
  publish_delta(1);
  const auto before = form.encoded;
  publish_delta(2);
  EXPECT_EQ(form.encoded - before, 1u);
  FakeClient late(FakeClient::all(), form);
  subscribe(late, {.delta = true});
  publish_delta(3);
  EXPECT_EQ(form.encoded - before, 3u);
  publish_delta(4);
  EXPECT_EQ(form.encoded - before, 4u);
}

TEST_P(ApartTest, NothingIsLeftBehind) {
  FakeClient reds, takes;
  subscribe(reds, {.filter = kind("red")});
  subscribe(takes, {.delta = true});
  publish_delta(1);
  net_.forget(0, reds);
  net_.forget(0, takes);
  for (auto& other : others_) net_.forget(0, *other);
  net_.settle();
  EXPECT_EQ(net_.hub().channel_count(), 0u);
  EXPECT_EQ(net_.hub().subscription_count(), 0u);
}

TEST(Apart, SubscribersStaySmall) { EXPECT_EQ(sizeof(Channel::Subscriber), 24u); }

}  // namespace
}  // namespace gatecast::hub
