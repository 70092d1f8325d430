// A client whose `write` takes bytes that have not left yet, as one by TLS does with the rest of a record.
#include <gtest/gtest.h>

#include "hub/testing.hpp"

namespace gatecast::hub {
namespace {

using testing::FakeClient;
using testing::frame;
using testing::Frames;
using testing::publications;

class Unsent : public testing::Room {};

// With one subscriber frames go to its outbox, with ten they are read from a log.
constexpr std::size_t kOthers[] = {0, 9};

TEST_F(Unsent, GoesOnWhenTheSocketTakesMore) {
  for (const auto others : kOthers) {
    start(others);
    auto& client = join();
    client.keeps = 5;
    publish(3);
    net->settle();
    EXPECT_TRUE(client.wants_writable);
    const auto writes = client.writes;
    publish(3);
    net->settle();
    EXPECT_EQ(client.writes, writes) << "written to while its socket is full";
    client.keeps = 0;
    hub().writable(client);
    net->settle();
    EXPECT_FALSE(client.wants_writable);
    EXPECT_EQ(client.frames(), publications(0, 6));
  }
}

TEST_F(Unsent, NothingElseToSend) {
  for (const auto others : kOthers) {
    start(others);
    auto& client = join();
    client.keeps = 1;
    publish();
    net->settle();
    hub().writable(client);
    EXPECT_FALSE(client.wants_writable);
    EXPECT_EQ(client.frames(), publications(0, 1));
  }
}

TEST_F(Unsent, DrainedWhenAllHasLeft) {
  for (const bool keep : {true, false}) {
    for (const auto others : kOthers) {
      start(others);
      auto& client = join();
      client.keeps = 4;
      publish(2);
      net->settle();
      hub().mute(client, keep);
      if (!keep) hub().drop_queue(client);
      hub().send(client, frame("close"));
      net->settle();
      EXPECT_EQ(client.drained, 0);
      hub().writable(client);
      net->settle();
      EXPECT_EQ(client.drained, 0) << "the close frame is not out yet";
      EXPECT_TRUE(client.wants_writable);
      hub().writable(client);
      net->settle();
      EXPECT_EQ(client.drained, 1);
      EXPECT_EQ(client.frames(), (Frames{"P a 0", "P a 1", "close"}));
    }
  }
}

// What was taken stays taken, wherever the client's subscriptions go meanwhile.
TEST_F(Unsent, UnsubscribedMeanwhile) {
  for (const auto others : kOthers) {
    for (std::size_t cut = 1; cut <= 2 * frame("P a 0").size(); ++cut) {
      start(others);
      auto& client = join(FakeClient::until(cut));
      client.keeps = 3;
      publish(3);
      net->turn(0);
      client.keeps = 0;
      hub().unsubscribe(client, "a");
      publish();
      hub().send(client, frame("done"));
      open_up(client);
      net->settle();
      auto want = publications(0, 3);
      want.push_back("done");
      ASSERT_EQ(client.frames(), want) << cut;
    }
  }
}

}  // namespace
}  // namespace gatecast::hub
