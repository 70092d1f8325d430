#include "session/bell.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "core/manual_loop.hpp"

namespace gatecast::session {
namespace {

using std::chrono::seconds;

class BellTest : public testing::Test {
 protected:
  ~BellTest() override {
    bell_.close();
    loop_.run_until_idle();
  }
  void wait(std::uint64_t heard, Duration at_most) {
    spawn(bell_.wait(heard, at_most), [this] { ++ended_; });
  }
  ManualClock clock_;
  ManualLoop loop_{clock_};
  Bell bell_;
  int ended_ = 0;
};

TEST_F(BellTest, RingEndsEveryWait) {
  wait(bell_.rings(), seconds{5});
  wait(bell_.rings(), seconds{5});
  loop_.run_until_idle();
  EXPECT_EQ(ended_, 0);
  bell_.ring();
  loop_.run_until_idle();
  EXPECT_EQ(ended_, 2);
  // The timers are gone with the waits.
  loop_.advance(seconds{10});
  EXPECT_EQ(ended_, 2);
}

TEST_F(BellTest, RingBeforeTheWaitIsHeard) {
  const auto heard = bell_.rings();
  bell_.ring();
  wait(heard, seconds{5});
  loop_.run_until_idle();
  EXPECT_EQ(ended_, 1);
}

TEST_F(BellTest, EndsAtItsBound) {
  wait(bell_.rings(), seconds{5});
  loop_.advance(seconds{4});
  EXPECT_EQ(ended_, 0);
  loop_.advance(seconds{1});
  EXPECT_EQ(ended_, 1);
}

TEST_F(BellTest, ClosedItEndsWaitsNowAndLater) {
  wait(bell_.rings(), seconds{5});
  bell_.close();
  loop_.run_until_idle();
  EXPECT_EQ(ended_, 1);
  wait(bell_.rings(), seconds{5});
  loop_.run_until_idle();
  EXPECT_EQ(ended_, 2);
}

TEST_F(BellTest, OneWaiterTooManyDoesNotWait) {
  for (std::size_t i = 0; i < Bell::kWaitersMax; ++i) wait(bell_.rings(), seconds{5});
  loop_.run_until_idle();
  EXPECT_EQ(ended_, 0);
  wait(bell_.rings(), seconds{5});
  loop_.run_until_idle();
  EXPECT_EQ(ended_, 1);
}

TEST_F(BellTest, RingsOfAnotherThreadRaceTimers) {
  for (int i = 0; i < 200; ++i) {
    wait(bell_.rings(), Duration{1});
    std::jthread other([this] { bell_.ring(); });
    loop_.advance(Duration{1});
  }
  loop_.run_until_idle();
  EXPECT_EQ(ended_, 200);
}

}  // namespace
}  // namespace gatecast::session
