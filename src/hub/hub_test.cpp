// Subscriptions, the home of a channel, and the way between shards.
#include "hub/hub.hpp"

#include <gtest/gtest.h>

#include <set>

#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using testing::FakeClient;
using testing::OneThread;
using Frames = std::vector<std::string>;

/// What came of a subscription.
struct Outcome {
  int calls = 0;
  std::optional<Errc> error{};
};

SubscribeDone note(Outcome& outcome) {
  return [&outcome](const Result<Subscribed>& done) {
    ++outcome.calls;
    if (!done) outcome.error = done.error().code;
  };
}

/// The name of a channel whose home is `home`: there, and only there, a subscription stands at once.
std::string homed(OneThread& net, unsigned home, int skip = 0) {
  for (int i = 0;; ++i) {
    auto name = fmt::format("channel{}", i);
    FakeClient probe;
    Outcome outcome;
    net.hub(home).subscribe(probe, name, {}, note(outcome));
    const bool here = outcome.calls == 1;
    net.settle();
    net.forget(home, probe);
    net.settle();
    if (here && skip-- == 0) return name;
  }
}

TEST(Hub, SubscribesAtOnceWhereTheHomeIsHere) {
  OneThread net(1, {}, {});
  FakeClient client;
  Outcome outcome;
  EXPECT_FALSE(net.hub().subscribed(client, "a"));
  net.hub().subscribe(client, "a", {}, note(outcome));
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_FALSE(outcome.error.has_value());
  EXPECT_TRUE(net.hub().subscribed(client, "a"));
  net.subscribe(0, client, "b");
  EXPECT_EQ(net.hub().channels_of(client), (Frames{"a", "b"}));
  EXPECT_EQ(client.channels(), 2u);
  EXPECT_EQ(net.hub().subscription_count(), 2u);
  std::map<std::string, std::size_t> seen;
  net.hub().each_channel([&](const std::string& name, std::size_t n) { seen[name] = n; });
  EXPECT_EQ(seen, (std::map<std::string, std::size_t>{{"a", 1}, {"b", 1}}));
}

TEST(Hub, RefusesASecondSubscriptionAndMoreThanTheLimit) {
  OneThread net(1, {.channels = 2}, {});
  FakeClient client;
  net.subscribe(0, client, "a");
  Outcome twice;
  net.hub().subscribe(client, "a", {}, note(twice));
  EXPECT_EQ(twice.error, Errc::already_subscribed);
  net.subscribe(0, client, "b");
  Outcome third;
  net.hub().subscribe(client, "c", {}, note(third));
  EXPECT_EQ(third.error, Errc::limit_exceeded);
  EXPECT_EQ(net.hub().channel_count(), 2u);
  EXPECT_TRUE(net.hub().unsubscribe(client, "a"));
  net.subscribe(0, client, "c");
  EXPECT_EQ(net.hub().channels_of(client), (Frames{"b", "c"}));
}

// While the home has not answered, the subscription counts: or a client could hold one twice, or any number.
TEST(Hub, WaitingSubscriptionsCount) {
  OneThread net(2, {.channels = 2}, {});
  const auto a = homed(net, 1);
  const auto b = homed(net, 1, 1);
  const auto c = homed(net, 1, 2);
  FakeClient client;
  net.subscribe(0, client, a);
  Outcome twice;
  net.hub(0).subscribe(client, a, {}, note(twice));
  EXPECT_EQ(twice.error, Errc::already_subscribed);
  net.subscribe(0, client, b);
  Outcome third;
  net.hub(0).subscribe(client, c, {}, note(third));
  EXPECT_EQ(third.error, Errc::limit_exceeded);
  // One that waits is none yet: it cannot be ended, and comes to stand.
  EXPECT_FALSE(net.hub(0).unsubscribe(client, a));
  net.settle();
  EXPECT_EQ(net.hub(0).channels_of(client), (Frames{a, b}));
  net.publish(1, a, "1");
  net.settle();
  EXPECT_EQ(client.frames(), (Frames{"P " + a + " 1"}));
}

TEST(Hub, UnsubscribeEndsDeliveryAndFreesTheChannel) {
  OneThread net(1, {}, {});
  FakeClient one;
  FakeClient two;
  EXPECT_FALSE(net.hub().unsubscribe(one, "a"));
  net.subscribe(0, one, "a");
  net.subscribe(0, two, "a");
  net.publish(0, "a", "1");
  EXPECT_TRUE(net.hub().unsubscribe(one, "a"));
  EXPECT_FALSE(net.hub().unsubscribe(one, "a"));
  net.publish(0, "a", "2");
  net.settle();
  EXPECT_EQ(one.frames(), Frames{"P a 1"});
  EXPECT_EQ(two.frames(), (Frames{"P a 1", "P a 2"}));
  EXPECT_TRUE(net.hub().unsubscribe(two, "a"));
  EXPECT_EQ(net.hub().channel_count(), 0u);
  EXPECT_EQ(net.hub().subscription_count(), 0u);
}

// A client's list and a channel's list fill each other's holes: every order in which two clients leave three channels
// keeps the rest right.
TEST(Hub, LeavingInAnyOrderKeepsTheOthers) {
  const Frames names{"a", "b", "c"};
  Frames first = names;
  do {
    Frames second = names;
    do {
      OneThread net(1, {}, {});
      std::array<FakeClient, 3> clients;
      std::array<std::set<std::string>, 3> in;
      std::array<std::size_t, 3> want{};
      for (std::size_t i = 0; i < 3; ++i) {
        for (const auto& name : names) net.subscribe(0, clients[i], name);
        in[i] = {names.begin(), names.end()};
      }
      const auto leave = [&](std::size_t who, const std::string& name) {
        ASSERT_TRUE(net.hub().unsubscribe(clients[who], name));
        in[who].erase(name);
        for (const auto& channel : names) net.publish(0, channel, "x");
        net.settle();
        for (std::size_t i = 0; i < 3; ++i) {
          want[i] += in[i].size();
          EXPECT_EQ(clients[i].frames().size(), want[i]);
          for (const auto& channel : names)
            EXPECT_EQ(net.hub().subscribed(clients[i], channel), in[i].contains(channel));
        }
      };
      for (std::size_t i = 0; i < 3; ++i) {
        leave(2, first[i]);
        leave(0, second[i]);
      }
    } while (std::ranges::next_permutation(second).found);
  } while (std::ranges::next_permutation(first).found);
}

TEST(Hub, HomeAnswersAndPublicationsFollow) {
  OneThread net(2, {}, {});
  const auto name = homed(net, 1);
  FakeClient client;
  Outcome outcome;
  net.hub(0).subscribe(client, name, {}, [&](const Result<Subscribed>& done) {
    note(outcome)(std::move(done));
    net.hub(0).send(client, testing::frame("subscribed"));
  });
  EXPECT_EQ(outcome.calls, 0);
  EXPECT_FALSE(net.hub(0).subscribed(client, name));
  net.publish(1, name, "before");  // the home does not know of the client yet
  net.turn(1);
  net.publish(1, name, "after");
  EXPECT_EQ(outcome.calls, 0);
  net.settle();
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(client.frames(), (Frames{"subscribed", "P " + name + " after"}));
  // The second subscriber of the shard needs no answer.
  FakeClient second;
  net.hub(0).subscribe(second, name, {}, note(outcome));
  EXPECT_EQ(outcome.calls, 2);
}

TEST(Hub, PublishesFromAnyShard) {
  OneThread net(3, {}, {});
  const auto name = homed(net, 2);
  std::array<FakeClient, 3> clients;
  for (unsigned i = 0; i < 3; ++i) net.subscribe(i, clients[i], name);
  net.settle();
  int accepted = 0;
  for (unsigned i = 0; i < 3; ++i) {
    net.publish(i, name, fmt::format("{}", i), [&](bool ok) { accepted += ok ? 1 : 0; });
    net.settle();
  }
  EXPECT_EQ(accepted, 3);
  for (auto& client : clients) {
    EXPECT_EQ(client.frames(), (Frames{"P " + name + " 0", "P " + name + " 1", "P " + name + " 2"}));
  }
  EXPECT_EQ(net.hub(2).stats().publications, 3u);
  for (unsigned i = 0; i < 3; ++i) net.forget(i, clients[i]);
  net.settle();
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(net.hub(i).channel_count(), 0u);
}

TEST(Hub, ForgottenWhileItWaitsGetsNoCall) {
  OneThread net(2, {}, {});
  const auto name = homed(net, 1);
  FakeClient gone;
  FakeClient muted;
  Outcome outcome;
  net.hub(0).subscribe(gone, name, {}, note(outcome));
  net.hub(0).subscribe(muted, name, {}, note(outcome));
  net.forget(0, gone);
  net.hub(0).mute(muted, true);
  // All have left: the registration is given up, and its answer means nothing to the one who comes next.
  FakeClient next;
  Outcome stands;
  net.hub(0).subscribe(next, name, {}, note(stands));
  net.settle();
  EXPECT_EQ(outcome.calls, 0);
  EXPECT_EQ(stands.calls, 1);
  net.publish(1, name, "1");
  net.settle();
  EXPECT_EQ(next.frames(), Frames{"P " + name + " 1"});
  EXPECT_EQ(gone.received + muted.received, "");
}

// The answer to a registration that was given up lies before publications of the time between: taken for the new one's
// it would show the client what was published before its own registration.
TEST(Hub, AnswerOfAnEarlierRegistrationIsIgnored) {
  OneThread net(2, {}, {});
  const auto name = homed(net, 1);
  FakeClient first;
  net.hub(0).subscribe(first, name, {}, [](const Result<Subscribed>&) { FAIL() << "it has left"; });
  net.turn(1);
  net.publish(1, name, "early");
  net.forget(0, first);
  FakeClient next;
  Outcome outcome;
  net.hub(0).subscribe(next, name, {}, note(outcome));
  net.turn(0);
  EXPECT_EQ(outcome.calls, 0);
  net.settle();
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(next.received, "");
}

TEST(Hub, AnsweredClientsMayEndOthersThatWait) {
  OneThread net(2, {}, {});
  const auto name = homed(net, 1);
  FakeClient one;
  FakeClient two;
  FakeClient three;
  Outcome outcome;
  Outcome again;
  net.hub(0).subscribe(one, name, {}, [&](const Result<Subscribed>&) {
    net.forget(0, two);
    net.hub(0).unsubscribe(one, name);
    net.hub(0).subscribe(one, name, {}, note(again));
  });
  net.hub(0).subscribe(two, name, {}, [](const Result<Subscribed>&) { FAIL() << "it has left"; });
  net.hub(0).subscribe(three, name, {}, note(outcome));
  net.settle();
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(again.calls, 1);
  EXPECT_TRUE(net.hub(0).subscribed(three, name));
  EXPECT_TRUE(net.hub(0).subscribed(one, name));
  EXPECT_EQ(net.hub(0).subscription_count(), 2u);
}

TEST(Hub, AnsweredClientMayLeaveAtOnce) {
  OneThread net(2, {}, {});
  const auto name = homed(net, 1);
  FakeClient client;
  net.hub(0).subscribe(client, name, {}, [&](const Result<Subscribed>&) { net.hub(0).unsubscribe(client, name); });
  net.settle();
  for (unsigned i = 0; i < 2; ++i) EXPECT_EQ(net.hub(i).channel_count(), 0u);
}

TEST(Hub, FullLaneRefusesTheRegistration) {
  OneThread net(2, {}, {.count = 1});
  const auto name = homed(net, 1);
  const auto busy = homed(net, 1, 1);
  FakeClient listens;
  net.subscribe(0, listens, busy);
  net.settle();
  FakeClient client;
  FakeClient second;
  Outcome outcome;
  net.hub(0).subscribe(client, name, {}, note(outcome));
  net.hub(0).subscribe(second, name, {}, note(outcome));
  net.publish(1, busy, "fills the lane");
  net.turn(1);
  net.settle();
  EXPECT_EQ(outcome.calls, 2);
  EXPECT_EQ(outcome.error, Errc::overloaded);
  EXPECT_FALSE(net.hub(0).subscribed(client, name));
  EXPECT_EQ(net.hub(0).channel_count(), 1u);
  EXPECT_EQ(net.hub(1).channel_count(), 1u);
  net.subscribe(0, client, name);
  net.settle();
  EXPECT_TRUE(net.hub(0).subscribed(client, name));
}

TEST(Hub, RefusedClientMayAskAgainAtOnce) {
  OneThread net(2, {}, {.count = 1});
  const auto name = homed(net, 1);
  const auto busy = homed(net, 1, 1);
  FakeClient client;
  net.subscribe(0, client, busy);
  net.settle();
  Outcome again;
  net.hub(0).subscribe(client, name, {}, [&](const Result<Subscribed>& done) {
    EXPECT_FALSE(done.has_value());
    net.hub(0).subscribe(client, name, {}, note(again));
  });
  net.publish(1, busy, "fills the lane");
  net.turn(1);
  net.settle();
  EXPECT_EQ(again.calls, 1);
  EXPECT_FALSE(again.error.has_value());
}

TEST(Hub, FullLaneRefusesPublications) {
  OneThread net(2, {}, {.count = 1});
  const auto name = homed(net, 1);
  std::vector<bool> accepted;
  for (int i = 0; i < 3; ++i) net.publish(0, name, "x", [&](bool ok) { accepted.push_back(ok); });
  net.settle();
  std::sort(accepted.begin(), accepted.end());
  EXPECT_EQ(accepted, (std::vector<bool>{false, false, true}));
}

TEST(Hub, LostPublicationIsAGapForEverySubscriberOfThatShard) {
  OneThread net(2, {}, {.count = 2});
  const auto name = homed(net, 1);
  std::array<FakeClient, 3> far;
  FakeClient near;
  for (auto& client : far) {
    net.subscribe(0, client, name);
    client.then_gap = [&](std::string_view channel) {
      EXPECT_TRUE(net.hub(0).unsubscribe(client, channel));
      net.hub(0).send(client, testing::frame("gap"));
    };
  }
  net.subscribe(1, near, name);
  net.settle();
  net.publish(1, name, "1");
  net.settle();
  for (int i = 2; i < 6; ++i) net.publish(1, name, fmt::format("{}", i));
  EXPECT_EQ(net.hub(1).stats().gapped, 2u);
  net.settle();
  for (auto& client : far) {
    EXPECT_EQ(client.gaps, Frames{name});
    EXPECT_EQ(client.frames(), (Frames{"P " + name + " 1", "gap"}));
  }
  EXPECT_EQ(near.frames().size(), 5u);
  EXPECT_TRUE(near.gaps.empty());
  // Who subscribes anew gets everything from then on.
  net.subscribe(0, far[0], name);
  net.settle();
  net.publish(1, name, "6");
  net.settle();
  EXPECT_EQ(far[0].frames().back(), "P " + name + " 6");
  EXPECT_EQ(far[1].frames().back(), "gap");
}

// The hole comes to be between the home's answer, still in the lane, and the client that waits for it.
TEST(Hub, GapBehindAnAnswerNotYetRead) {
  OneThread net(2, {}, {.count = 3});
  const auto name = homed(net, 1);
  FakeClient client;
  Outcome outcome;
  net.hub(0).subscribe(client, name, {}, note(outcome));
  net.turn(1);
  for (int i = 0; i < 3; ++i) net.publish(1, name, fmt::format("{}", i));
  EXPECT_EQ(net.hub(1).stats().gapped, 1u);
  net.turn(0);
  EXPECT_EQ(outcome.calls, 0) << "answered from before the hole";
  net.settle();
  EXPECT_EQ(outcome.calls, 1);
  net.publish(1, name, "3");
  net.settle();
  EXPECT_EQ(client.frames(), Frames{"P " + name + " 3"});
  EXPECT_TRUE(client.gaps.empty());
}

}  // namespace
}  // namespace gatecast::hub
