// Outboxes and logs, passes and their budget, slow consumers, closing.
#include <gtest/gtest.h>

#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using testing::FakeClient;
using testing::frame;
using testing::OneThread;
using Frames = std::vector<std::string>;

Frames publications(int from, int to, std::string_view channel = "a", char tag = 'P') {
  Frames all;
  for (int i = from; i < to; ++i) all.push_back(fmt::format("{} {} {}", tag, channel, i));
  return all;
}

/// One shard with subscribers of the channel "a".
class Delivery : public ::testing::Test {
 protected:
  void start(std::size_t subscribers, Hub::Limits limits = {}) {
    clients.clear();
    net = std::make_unique<OneThread>(1, limits, OneThread::Bounds{});
    next = 0;
    for (std::size_t i = 0; i < subscribers; ++i) join();
  }
  FakeClient& join(FakeClient::Takes takes = FakeClient::all(), const Form& form = testing::plain_form()) {
    clients.push_back(std::make_unique<FakeClient>(std::move(takes), form));
    net->subscribe(0, *clients.back(), "a");
    return *clients.back();
  }
  void publish(int count = 1, std::string_view channel = "a") {
    for (int i = 0; i < count; ++i) net->publish(0, std::string(channel), fmt::format("{}", next++));
  }
  void publish_bytes(std::size_t bytes, std::string_view channel = "a") {
    net->publish(0, std::string(channel), std::string(bytes, 'x'));
  }
  /// The socket takes bytes again.
  void open_up(FakeClient& client, FakeClient::Takes takes = FakeClient::all()) {
    client.takes = std::move(takes);
    if (client.wants_writable) hub().writable(client);
  }
  Hub& hub() { return net->hub(); }

  std::unique_ptr<OneThread> net;
  std::vector<std::unique_ptr<FakeClient>> clients;
  int next = 0;
};

// What waits for a full socket lies in its outbox below 8 subscribers, and in the log from 8 on, until there are 3.
TEST_F(Delivery, LogFromEightSubscribersUntilThree) {
  start(6);
  auto& full = join(FakeClient::never());
  publish(2);
  net->settle();
  const auto in_outbox = full.queued_bytes();
  EXPECT_EQ(in_outbox, frame("P a 0").size() * 2);
  join();
  publish(2);
  net->settle();
  EXPECT_EQ(full.queued_bytes(), in_outbox) << "no log from the eighth subscriber on";
  for (std::size_t i = 0; i < 4; ++i) hub().unsubscribe(*clients[i], "a");
  publish(2);
  net->settle();
  EXPECT_EQ(full.queued_bytes(), in_outbox) << "the log was given up too early";
  hub().unsubscribe(*clients[4], "a");
  EXPECT_EQ(full.queued_bytes(), in_outbox * 3) << "what the log held must be kept";
  publish(2);
  net->settle();
  EXPECT_EQ(full.queued_bytes(), in_outbox * 4);
  open_up(full);
  EXPECT_EQ(full.frames(), publications(0, 8));
  EXPECT_EQ(clients[5]->frames(), publications(0, 8));
  EXPECT_EQ(clients[7]->frames(), publications(2, 8));
  EXPECT_EQ(clients[0]->frames(), publications(0, 4));
  EXPECT_EQ(clients[4]->frames(), publications(0, 6));
}

TEST_F(Delivery, EncodesOnceAForm) {
  for (const std::size_t subscribers : {3u, 20u}) {
    start(subscribers);
    for (std::size_t i = 0; i < subscribers; ++i) join(FakeClient::all(), testing::other_form());
    const auto plain = testing::plain_form().encoded;
    const auto other = testing::other_form().encoded;
    publish(3);
    net->settle();
    EXPECT_EQ(testing::plain_form().encoded - plain, 3u);
    EXPECT_EQ(testing::other_form().encoded - other, 3u);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      EXPECT_EQ(clients[i]->frames(), publications(0, 3, "a", i < subscribers ? 'P' : 'Q'));
    }
  }
}

TEST_F(Delivery, RunOfALogIsOneWrite) {
  start(8);
  publish(10);
  net->settle();
  for (auto& client : clients) {
    EXPECT_EQ(client->writes, 1u);
    EXPECT_EQ(client->frames(), publications(0, 10));
  }
  EXPECT_EQ(hub().stats().deliveries, 80u);
  EXPECT_EQ(hub().stats().writes, 8u);
}

TEST_F(Delivery, MorePartsThanOneWriteTakes) {
  for (const std::size_t subscribers : {1u, 8u}) {
    start(subscribers, {.queue_bytes = 16u << 20});
    auto& full = *clients[0];
    full.takes = FakeClient::never();
    for (int i = 0; i < 200; ++i) publish_bytes(17'000);
    net->settle();
    open_up(full);
    EXPECT_EQ(full.frames().size(), 200u);
    for (auto& client : clients) EXPECT_EQ(client->received, full.received);
  }
}

TEST_F(Delivery, BudgetOfClientsSplitsAPass) {
  start(20, {.turn_clients = 6});
  publish();
  for (const std::size_t served : {6u, 12u, 18u, 20u}) {
    EXPECT_EQ(net->turn(0), served < 20);
    EXPECT_EQ(std::ranges::count_if(clients, [](auto& c) { return !c->received.empty(); }), served);
  }
  for (auto& client : clients) EXPECT_EQ(client->frames(), publications(0, 1));
}

TEST_F(Delivery, BudgetOfTimeSplitsAPass) {
  for (const std::size_t subscribers : {7u, 100u}) {
    start(subscribers);
    std::size_t in_turn = 0;
    for (auto& client : clients) {
      client->then_written = [&] {
        ++in_turn;
        net->clock.advance(std::chrono::microseconds(200));
      };
    }
    publish();
    while (net->turn(0)) {
      EXPECT_LE(in_turn, 16u);
      in_turn = 0;
    }
    EXPECT_EQ(subscribers > 16, in_turn < subscribers);
    for (auto& client : clients) EXPECT_EQ(client->frames(), publications(0, 1));
  }
}

TEST_F(Delivery, FramesThatComeDuringAPassGoToThoseItHasVisited) {
  for (unsigned visited = 1; visited < 20; ++visited) {
    start(20, {.turn_clients = visited});
    publish();
    EXPECT_TRUE(net->turn(0));
    publish();
    auto& late = join();
    publish();
    net->settle();
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(clients[i]->frames(), publications(0, 3)) << visited << " " << i;
    EXPECT_EQ(late.frames(), publications(2, 3));
  }
}

// Whoever leaves in the middle of a pass, wherever the pass stands: the others get every frame once.
TEST_F(Delivery, LeavingDuringAPassHarmsNobody) {
  constexpr std::size_t kCount = 12;
  for (unsigned visited = 1; visited < kCount; ++visited) {
    for (std::size_t first = 0; first < kCount; ++first) {
      for (std::size_t second = 0; second < kCount; ++second) {
        start(kCount, {.turn_clients = visited});
        publish();
        EXPECT_TRUE(net->turn(0));
        EXPECT_TRUE(hub().unsubscribe(*clients[first], "a"));
        if (second != first) net->forget(0, *clients[second]);
        net->settle();
        publish();
        net->settle();
        for (std::size_t i = 0; i < kCount; ++i) {
          if (i == first || i == second) continue;
          ASSERT_EQ(clients[i]->frames(), publications(0, 2)) << visited << " " << first << " " << second << " " << i;
        }
        if (first != second) ASSERT_EQ(clients[first]->frames(), publications(0, 1));
      }
    }
  }
}

// The log ends while a pass over it is under way, and begins again before the pass would have gone on.
TEST_F(Delivery, LogGivenUpDuringAPass) {
  for (unsigned visited = 1; visited < 8; ++visited) {
    start(8, {.turn_clients = visited});
    publish();
    EXPECT_TRUE(net->turn(0));
    for (std::size_t i = 0; i < 5; ++i) EXPECT_TRUE(hub().unsubscribe(*clients[i], "a"));
    publish();
    for (std::size_t i = 0; i < 6; ++i) join();
    publish();
    net->settle();
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(clients[i]->frames(), publications(0, 1)) << visited << " " << i;
    for (std::size_t i = 5; i < 8; ++i) EXPECT_EQ(clients[i]->frames(), publications(0, 3)) << visited << " " << i;
    for (std::size_t i = 8; i < 14; ++i) EXPECT_EQ(clients[i]->frames(), publications(2, 3)) << visited << " " << i;
  }
}

TEST_F(Delivery, SlowByOutbox) {
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

TEST_F(Delivery, SlowByReplies) {
  start(0, {.queue_bytes = 100});
  FakeClient client(FakeClient::never());
  for (int i = 0; i < 40; ++i) hub().send(client, frame("a reply"));
  EXPECT_EQ(client.slow, 0) << "told before the end of the turn";
  net->settle();
  EXPECT_EQ(client.slow, 1);
  net->forget(0, client);
}

TEST_F(Delivery, SlowByLagInALog) {
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
TEST_F(Delivery, SlowByLagInSeveralLogs) {
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
TEST_F(Delivery, BurstDoesNotMakeAReaderSlow) {
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

TEST_F(Delivery, BurstDuringAPassDoesNotMakeThoseVisitedSlow) {
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

TEST_F(Delivery, ChannelOverItsBoundEndsThoseFurthestBehind) {
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

TEST_F(Delivery, FullLogsTakeNoMoreUntilTheyAreSent) {
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
TEST_F(Delivery, ShardIsNotStalledByThoseWhoDoNotRead) {
  start(8, {.queue_bytes = 40'000, .log_bytes_shard = 100'000});
  std::vector<FakeClient*> full;
  for (int i = 0; i < 6; ++i) {
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
  EXPECT_EQ(slow, (std::vector<int>{0, 0, 0, 1, 0, 0})) << "the one furthest behind";
  net->forget(0, *full[3]);
  publish();
  net->settle();
  for (std::size_t k = 0; k < 8; ++k) EXPECT_EQ(clients[k]->frames().size(), 7u);
  for (auto* client : full) {
    if (!client->gone) open_up(*client);
  }
  EXPECT_EQ(full[0]->frames().size(), 2u);
}

// Those behind have caught up; nothing is published any more that would begin a pass.
TEST_F(Delivery, LogsThatWereReadLateAreFreed) {
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

TEST_F(Delivery, BrokenIsToldOnceAndNothingIsWrittenAfter) {
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

TEST_F(Delivery, NewsOfAForgottenClientIsNotTold) {
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

TEST_F(Delivery, ForgottenBeforeItsTurnIsNotWrittenTo) {
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

TEST_F(Delivery, ReadinessIsAskedForOnlyAfterAShortWrite) {
  start(1);
  auto& client = *clients[0];
  publish();
  net->settle();
  EXPECT_FALSE(client.wants_writable);
  hub().writable(client);  // an event that comes late
  client.takes = FakeClient::until(2);
  publish();
  net->settle();
  EXPECT_TRUE(client.wants_writable);
  publish();
  net->settle();
  EXPECT_EQ(client.writes, 2u) << "its socket is full";
  open_up(client);
  EXPECT_FALSE(client.wants_writable);
  EXPECT_EQ(client.frames(), publications(0, 3));
  EXPECT_EQ(hub().stats().short_writes, 1u);
}

// A socket that takes `cut` bytes; then a reply, leaving the channel, its reply, more publications and a new
// subscription come, in outbox and in log mode: one stream comes out, wherever the cut was.
TEST_F(Delivery, TornAtEveryByte) {
  for (const std::size_t others : {1u, 9u}) {
    const Frames want{"P a 0", "P a 1", "reply", "P a 2", "left", "joined", "P a 4"};
    // A reply goes before what lies in a log, so its place differs there.
    const Frames logged{"reply", "P a 0", "P a 1", "P a 2", "left", "joined", "P a 4"};
    std::size_t size = 0;
    for (const auto& f : want) size += frame(f).size();
    for (std::size_t cut = 0; cut <= size; ++cut) {
      start(others);
      auto& client = join(FakeClient::until(cut));
      publish(2);
      hub().send(client, frame("reply"));
      net->turn(0);
      publish();
      net->turn(0);
      hub().unsubscribe(client, "a");
      hub().send(client, frame("left"));
      publish();
      net->turn(0);
      net->subscribe(0, client, "a");
      hub().send(client, frame("joined"));
      net->turn(0);
      publish();
      net->turn(0);
      open_up(client);
      net->settle();
      ASSERT_EQ(client.frames(), others == 1 ? want : logged) << cut;
    }
  }
}

TEST_F(Delivery, ClosingKeepsWhatWasQueued) {
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

TEST_F(Delivery, ClosingAtOnceFinishesOnlyTheTornFrame) {
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
TEST_F(Delivery, SlowConsumerGetsItsCloseFrame) {
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

TEST_F(Delivery, MutedWithNothingQueuedIsDrained) {
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
