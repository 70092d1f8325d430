// Outboxes and logs, passes and their budget, torn frames.
#include <gtest/gtest.h>

#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using testing::FakeClient;
using testing::frame;
using testing::Frames;
using testing::publications;

class Delivery : public testing::Room {};

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
        // The pass ends with all served, and not only the next one does.
        for (const int published : {1, 2}) {
          net->settle();
          for (std::size_t i = 0; i < kCount; ++i) {
            if (i == second && i != first) continue;
            ASSERT_EQ(clients[i]->frames(), publications(0, i == first ? 1 : published))
                << visited << " " << first << " " << second << " " << i;
          }
          if (published == 1) publish();
        }
      }
    }
  }
}

TEST_F(Delivery, ChannelThatEndsBeforeItsPass) {
  for (const bool keep : {false, true}) {
    start(10, {.turn_clients = 4});
    publish();
    if (keep) net->turn(0);
    for (auto& client : clients) keep ? static_cast<void>(hub().unsubscribe(*client, "a")) : net->forget(0, *client);
    EXPECT_EQ(hub().channel_count(), 0u);
    net->settle();
    EXPECT_TRUE(hub().may_take_data());
    for (auto& client : clients) EXPECT_EQ(client->frames(), keep ? publications(0, 1) : Frames{});
    auto& next = join();
    publish();
    net->settle();
    EXPECT_EQ(next.frames(), publications(1, 2));
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

// Below and above the number of subscribers from which there is a log.
TEST_F(Delivery, WhoIsHeldGetsNothingUntilItsReply) {
  for (const std::size_t others : {1u, 20u}) {
    start(others);
    auto& held = join();
    hub().send(held, frame("before"));
    hub().hold(held);
    publish(3);
    net->settle();
    EXPECT_EQ(held.frames(), Frames{"before"});
    EXPECT_EQ(clients[0]->frames(), publications(0, 3));
    hub().release(held, frame("reply"));
    net->settle();
    publish(1);
    net->settle();
    Frames wanted = publications(0, 4);
    wanted.insert(wanted.begin(), {"before", "reply"});
    EXPECT_EQ(held.frames(), wanted) << others;
  }
}

TEST_F(Delivery, WhoIsHeldAndEndsGetsNothingOfTheChannels) {
  for (const std::size_t others : {1u, 20u}) {
    start(others);
    auto& held = join();
    hub().hold(held);
    publish(3);
    net->settle();
    hub().mute(held, false);
    hub().send(held, frame("bye"));
    net->settle();
    EXPECT_EQ(held.frames(), Frames{"bye"}) << others;
    EXPECT_EQ(held.drained, 1);
  }
}

TEST_F(Delivery, QueueOfWhoIsHeldIsBounded) {
  start(0, {.queue_bytes = 1000});
  auto& held = join();
  hub().hold(held);
  publish(200);
  net->settle();
  EXPECT_EQ(held.slow, 1);
  EXPECT_TRUE(held.received.empty());
}

}  // namespace
}  // namespace gatecast::hub
