// Slow consumers and the bounds of logs, broken connections, closing.
#include <gtest/gtest.h>

#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using testing::FakeClient;
using testing::frame;
using testing::Frames;
using testing::publications;

class Closing : public testing::Room {};

TEST_F(Closing, SlowByOutbox) {
  start(1, {.queue_bytes = 100});
  auto& slow = join(FakeClient::never());
  slow.then_slow = [&] { net->forget(0, slow); };
  publish(40);
  net->settle();
  EXPECT_EQ(slow.slow, 1);
  EXPECT_EQ(hub().stats().slow, 1u);
  EXPECT_EQ(clients[0]->frames(), publications(0, 40));
  EXPECT_EQ(clients[0]->slow, 0);
}

TEST_F(Closing, SlowByReplies) {
  start(0, {.queue_bytes = 100});
  FakeClient client(FakeClient::never());
  for (int i = 0; i < 40; ++i) hub().send(client, frame("a reply"));
  EXPECT_EQ(client.slow, 0) << "told before the end of the turn";
  net->settle();
  EXPECT_EQ(client.slow, 1);
  net->forget(0, client);
}

TEST_F(Closing, SlowByLagInALog) {
  start(10, {.queue_bytes = 100});
  auto& slow = join(FakeClient::until(3));
  publish();
  net->settle();
  while (slow.slow == 0 && next < 40) {
    publish();
    net->settle();
  }
  // Torn after 3 bytes: the rest of that frame and the unread ones are over the bound with the last of them only.
  const auto size = frame("P a 0").size();
  EXPECT_LE((static_cast<std::size_t>(next) - 1) * size - 3, 100 + size);
  EXPECT_GT(static_cast<std::size_t>(next) * (size + 1) - 3, 100u);
  publish(3);
  net->settle();
  EXPECT_EQ(slow.slow, 1);
  net->forget(0, slow);
  EXPECT_EQ(slow.received, frame("P a 0").substr(0, 3));
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(clients[i]->frames(), publications(0, next));
}

// The bound is the client's, not each channel's.
TEST_F(Closing, SlowByLagInSeveralLogs) {
  start(8, {.queue_bytes = 4000});
  auto& slow = join(FakeClient::never());
  for (const auto* name : {"b", "c", "d", "e"}) {
    for (auto& client : clients) net->subscribe(0, *client, name);
  }
  for (const auto* name : {"a", "b", "c", "d"}) {
    publish_bytes(900, name);
    net->settle();
  }
  EXPECT_EQ(slow.slow, 0);
  publish_bytes(900, "e");
  net->settle();
  EXPECT_EQ(slow.slow, 1);
  net->forget(0, slow);
}

// More than the bound in one turn is no fault of a client that reads: its socket was never full.
TEST_F(Closing, BurstDoesNotMakeAReaderSlow) {
  for (const std::size_t subscribers : {2u, 12u}) {
    start(subscribers, {.queue_bytes = 200});
    publish(500);
    for (int i = 0; i < 50; ++i) hub().send(*clients[0], frame("reply"));
    net->settle();
    for (auto& client : clients) EXPECT_EQ(client->slow, 0);
    EXPECT_EQ(clients[0]->frames().size(), 550u);
    EXPECT_EQ(clients[1]->frames(), publications(0, 500));
  }
}

TEST_F(Closing, BurstDuringAPassDoesNotMakeThoseVisitedSlow) {
  start(12, {.queue_bytes = 200, .turn_clients = 5});
  publish();
  net->turn(0);
  publish(100);
  net->settle();
  for (auto& client : clients) {
    EXPECT_EQ(client->slow, 0);
    EXPECT_EQ(client->frames(), publications(0, 101));
  }
}

TEST_F(Closing, ChannelOverItsBoundEndsThoseFurthestBehind) {
  start(8, {.queue_bytes = 1u << 20, .log_bytes_channel = 100'000});
  auto& first = join(FakeClient::never());
  for (int i = 0; i < 6; ++i) {
    publish_bytes(10'000);
    net->settle();
  }
  auto& second = join(FakeClient::never());
  for (int i = 0; i < 5; ++i) {
    publish_bytes(10'000);
    net->settle();
  }
  EXPECT_EQ(first.slow, 1);
  EXPECT_EQ(second.slow, 0) << "it is behind by half of the bound at most";
  net->forget(0, first);
  open_up(second);
  EXPECT_EQ(second.frames().size(), 5u);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(clients[i]->frames().size(), 11u);
}

TEST_F(Closing, FullLogsTakeNoMoreUntilTheyAreSent) {
  start(20, {.log_bytes_channel = 100'000, .turn_clients = 5});
  std::vector<bool> accepted;
  for (int i = 0; i < 8; ++i) {
    net->publish(0, "a", std::string(10'000, 'x'), [&](bool ok) { accepted.push_back(ok); });
  }
  EXPECT_EQ(accepted, (std::vector<bool>{true, true, true, true, true, false, false, false}));
  EXPECT_FALSE(hub().may_take_data());
  EXPECT_TRUE(net->turn(0));
  EXPECT_FALSE(hub().may_take_data());
  net->settle();
  EXPECT_TRUE(hub().may_take_data());
  for (auto& client : clients) EXPECT_EQ(client->frames().size(), 5u);
}

// One client that does not read holds the logs of many channels: without the rule that ends it the shard would take no
// publications any more, and nothing would ever free the logs.
TEST_F(Closing, ShardIsNotStalledByThoseWhoDoNotRead) {
  start(8, {.queue_bytes = 40'000, .log_bytes_shard = 100'000});
  std::vector<FakeClient*> full;
  for (int i = 0; i < 5; ++i) {
    const auto name = fmt::format("c{}", i);
    for (std::size_t k = 0; k < 8; ++k) net->subscribe(0, *clients[k], name);
    full.push_back(&join(FakeClient::never()));
    net->subscribe(0, *full.back(), name);
    publish_bytes(i == 3 ? 25'000 : 10'000, name);
    net->settle();
  }
  EXPECT_TRUE(hub().may_take_data());
  std::vector<int> slow;
  for (auto* client : full) slow.push_back(client->slow);
  EXPECT_EQ(slow, (std::vector<int>{0, 0, 0, 1, 0})) << "the one furthest behind";
  net->forget(0, *full[3]);
  publish();
  net->settle();
  for (std::size_t k = 0; k < 8; ++k) EXPECT_EQ(clients[k]->frames().size(), 6u);
  for (auto* client : full) {
    if (!client->gone) open_up(*client);
  }
  EXPECT_EQ(full[0]->frames().size(), 2u);
}

// Those behind have caught up; nothing is published any more that would begin a pass.
TEST_F(Closing, LogsThatWereReadLateAreFreed) {
  start(8, {.queue_bytes = 90'000, .log_bytes_shard = 100'000});
  auto& late = *clients[0];
  late.takes = FakeClient::never();
  for (int i = 0; i < 6 && hub().may_take_data(); ++i) publish_bytes(10'000);
  EXPECT_FALSE(hub().may_take_data());
  open_up(late);
  net->turn(0);
  open_up(late);
  net->settle();
  EXPECT_TRUE(hub().may_take_data());
  EXPECT_EQ(late.slow, 0);
  for (auto& client : clients) EXPECT_EQ(client->received, late.received);
}

TEST_F(Closing, BrokenIsToldOnceAndNothingIsWrittenAfter) {
  for (const std::size_t subscribers : {1u, 10u}) {
    start(subscribers);
    auto& broken = join(FakeClient::broken());
    publish();
    EXPECT_EQ(broken.broken_told, 0);
    net->settle();
    EXPECT_EQ(broken.broken_told, 1);
    publish();
    hub().send(broken, frame("reply"));
    net->settle();
    EXPECT_EQ(broken.broken_told, 1);
    EXPECT_EQ(broken.writes, 1u);
    net->forget(0, broken);
    publish();
    net->settle();
    for (std::size_t i = 0; i < subscribers; ++i) EXPECT_EQ(clients[i]->frames(), publications(0, 3));
  }
}

TEST_F(Closing, NewsOfAForgottenClientIsNotTold) {
  start(0);
  std::array<FakeClient, 3> broken;
  for (auto& client : broken) {
    client.takes = FakeClient::broken();
    client.then_broken = [&] {
      for (auto& each : broken) net->forget(0, each);
    };
    hub().send(client, frame("reply"));
  }
  net->settle();
  EXPECT_EQ(broken[0].broken_told + broken[1].broken_told + broken[2].broken_told, 1);
}

TEST_F(Closing, ForgottenBeforeItsTurnIsNotWrittenTo) {
  start(20, {.turn_clients = 5});
  std::array<FakeClient, 12> replied;
  for (auto& client : replied) hub().send(client, frame("reply"));
  publish();
  net->turn(0);
  for (auto& client : replied) net->forget(0, client);
  for (std::size_t i = 0; i < 20; i += 2) net->forget(0, *clients[i]);
  net->settle();
  for (std::size_t i = 1; i < 20; i += 2) EXPECT_EQ(clients[i]->frames(), publications(0, 1));
}

TEST_F(Closing, ClosingKeepsWhatWasQueued) {
  for (const std::size_t others : {1u, 9u}) {
    for (std::size_t cut = 0; cut <= frame("P a 0").size() * 2; ++cut) {
      start(others);
      auto& client = join(FakeClient::until(cut));
      publish(2);
      net->turn(0);
      hub().mute(client, true);
      hub().send(client, frame("close"));
      publish();
      net->turn(0);
      EXPECT_EQ(client.drained, 0);
      open_up(client);
      net->settle();
      ASSERT_EQ(client.frames(), (Frames{"P a 0", "P a 1", "close"})) << cut;
      EXPECT_EQ(client.drained, 1) << cut;
      EXPECT_FALSE(hub().subscribed(client, "a"));
    }
  }
}

TEST_F(Closing, ClosingAtOnceFinishesOnlyTheTornFrame) {
  const auto size = frame("P a 0").size();
  for (const std::size_t others : {1u, 9u}) {
    for (std::size_t cut = 0; cut <= size * 3; ++cut) {
      start(others);
      auto& client = join(FakeClient::until(cut));
      publish(3);
      net->turn(0);
      hub().mute(client, false);
      hub().drop_queue(client);
      hub().send(client, frame("close"));
      publish();
      net->turn(0);
      open_up(client);
      net->settle();
      auto want = publications(0, static_cast<int>((cut + size - 1) / size));
      want.push_back("close");
      ASSERT_EQ(client.frames(), want) << cut;
      EXPECT_GE(client.drained, 1) << cut;
    }
  }
}

// A slow consumer is told so in a last frame: what its socket had begun, then that.
TEST_F(Closing, SlowConsumerGetsItsCloseFrame) {
  for (const std::size_t others : {1u, 9u}) {
    for (std::size_t cut = 0; cut <= frame("P a 0").size(); ++cut) {
      start(others, {.queue_bytes = 60});
      auto& slow = join(FakeClient::until(cut));
      slow.then_slow = [&] {
        hub().mute(slow, false);
        hub().drop_queue(slow);
        hub().send(slow, frame("close"));
      };
      for (int i = 0; i < 20; ++i) {
        publish();
        net->settle();
      }
      EXPECT_EQ(slow.slow, 1);
      open_up(slow);
      net->settle();
      ASSERT_EQ(slow.frames(), cut == 0 ? Frames{"close"} : (Frames{"P a 0", "close"})) << cut;
      EXPECT_EQ(slow.drained, 1);
      EXPECT_EQ(clients[0]->frames(), publications(0, 20));
    }
  }
}

TEST_F(Closing, MutedWithNothingQueuedIsDrained) {
  start(3);
  auto& client = *clients[1];
  hub().mute(client, true);
  EXPECT_EQ(client.drained, 0) << "told before the end of the turn";
  net->settle();
  EXPECT_EQ(client.drained, 1);
  publish();
  net->settle();
  EXPECT_EQ(client.received, "");
}

}  // namespace
}  // namespace gatecast::hub
