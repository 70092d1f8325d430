#include "core/task.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/manual_loop.hpp"

namespace gatecast {
namespace {

using namespace std::chrono_literals;

Task<int> number(int n) { co_return n; }

Task<int> sum(int n) {
  int total = 0;
  for (int i = 1; i <= n; ++i) total += co_await number(i);
  co_return total;
}

Task<std::unique_ptr<int>> boxed(int n) { co_return std::make_unique<int>(n); }

Task<void> note(std::vector<std::string>& notes, std::string text) {
  notes.push_back(std::move(text));
  co_return;
}

Task<void> hold(std::shared_ptr<int> held) {
  static_cast<void>(held);
  co_return;
}

Task<void> wait(ManualLoop& loop, Duration delay, std::vector<std::string>& notes, std::string text) {
  const bool fired = co_await arrival<bool>([&loop, delay](Resume<bool> resume) {
    loop.after(delay, [resume = std::move(resume)]() mutable { resume(true); });
  });
  if (fired) notes.push_back(std::move(text));
}

struct Seen {
  std::thread::id producer{};
  std::thread::id resumed{};
  int value = 0;
};

// The value comes from another thread; the coroutine must go on where it waited.
Task<Seen> across(std::vector<std::thread>& threads) {
  Seen seen;
  seen.value = co_await arrival<int>([&threads, &seen](Resume<int> resume) {
    threads.emplace_back([resume = std::move(resume), &seen]() mutable {
      seen.producer = std::this_thread::get_id();
      resume(42);
    });
  });
  seen.resumed = std::this_thread::get_id();
  co_return seen;
}

Task<int> across_many(std::vector<std::thread>& threads, int times) {
  int total = 0;
  for (int i = 0; i < times; ++i) {
    const Seen seen = co_await across(threads);
    total += seen.value;
  }
  co_return total;
}

class TaskTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  ManualLoop loop_{clock_};
  std::vector<std::string> notes_;
};

TEST_F(TaskTest, GivesItsValueToTheAwaiter) {
  EXPECT_EQ(loop_.run(number(7)), 7);
  EXPECT_EQ(loop_.run(sum(100)), 5050);
  EXPECT_EQ(*loop_.run(boxed(9)), 9);
}

TEST_F(TaskTest, AwaitingManyTasksDoesNotGrowTheStack) { EXPECT_EQ(loop_.run(sum(20'000)), 200'010'000); }

TEST_F(TaskTest, StartsOnlyWhenAwaitedOrSpawned) {
  {
    Task<void> task = note(notes_, "ran");
    EXPECT_TRUE(notes_.empty());
  }
  EXPECT_TRUE(notes_.empty());
  spawn(note(notes_, "ran"));
  EXPECT_EQ(notes_, std::vector<std::string>{"ran"});
}

TEST_F(TaskTest, NeverAwaitedFreesItsFrame) {
  const auto held = std::make_shared<int>(1);
  {
    Task<void> task = hold(held);
    EXPECT_GT(held.use_count(), 1);
    Task<void> other = hold(held);
    other = std::move(task);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(TaskTest, SpawnSaysWhenItEnded) {
  bool ended = false;
  spawn(wait(loop_, 10ms, notes_, "late"), [&ended] { ended = true; });
  loop_.run_until_idle();
  EXPECT_FALSE(ended);
  loop_.advance(9ms);
  EXPECT_FALSE(ended);
  loop_.advance(1ms);
  EXPECT_TRUE(ended);
  EXPECT_EQ(notes_, std::vector<std::string>{"late"});
}

TEST_F(TaskTest, ResumesOnTheThreadThatAwaited) {
  std::vector<std::thread> threads;
  const Seen seen = loop_.run(across(threads));
  for (auto& t : threads) t.join();
  EXPECT_EQ(seen.value, 42);
  EXPECT_EQ(seen.resumed, std::this_thread::get_id());
  EXPECT_NE(seen.producer, std::this_thread::get_id());
}

TEST_F(TaskTest, ManyArrivalsFromOtherThreads) {
  std::vector<std::thread> threads;
  EXPECT_EQ(loop_.run(across_many(threads, 50)), 50 * 42);
  for (auto& t : threads) t.join();
}

TEST_F(TaskTest, ResumeCalledAtOnceWaitsForALaterTurn) {
  spawn(wait(loop_, 0ms, notes_, "now"));
  EXPECT_TRUE(notes_.empty());
  loop_.run_until_idle();
  EXPECT_EQ(notes_, std::vector<std::string>{"now"});
}

TEST_F(TaskTest, LoopIsCurrentWhileItLives) {
  EXPECT_EQ(Loop::current(), &loop_);
  std::thread([] { EXPECT_EQ(Loop::current(), nullptr); }).join();
}

TEST_F(TaskTest, TimersFireInOrderOfTimeAndOfMaking) {
  loop_.after(20ms, [this] { notes_.push_back("c"); });
  loop_.after(10ms, [this] { notes_.push_back("a"); });
  loop_.after(10ms, [this] { notes_.push_back("b"); });
  loop_.advance(30ms);
  EXPECT_EQ(notes_, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(TaskTest, CancelledTimersDoNotFire) {
  const auto first = loop_.after(10ms, [this] { notes_.push_back("first"); });
  const auto second = loop_.after(10ms, [this] { notes_.push_back("second"); });
  EXPECT_NE(first, Loop::TimerId{0});
  EXPECT_NE(first, second);
  loop_.cancel(first);
  loop_.cancel(first);
  loop_.cancel(0);
  loop_.advance(10ms);
  EXPECT_EQ(notes_, std::vector<std::string>{"second"});
  loop_.cancel(second);
}

TEST_F(TaskTest, ATimerMayMakeAndCancelTimers) {
  const auto doomed = loop_.after(10ms, [this] { notes_.push_back("doomed"); });
  loop_.after(5ms, [this, doomed] {
    loop_.cancel(doomed);
    loop_.after(5ms, [this] { notes_.push_back("second"); });
  });
  loop_.advance(5ms);
  EXPECT_TRUE(notes_.empty());
  loop_.advance(5ms);
  EXPECT_EQ(notes_, std::vector<std::string>{"second"});
}

TEST_F(TaskTest, WhatAPostPostsRunsInALaterTurn) {
  loop_.post([this] {
    notes_.push_back("outer");
    loop_.post([this] { notes_.push_back("inner"); });
  });
  EXPECT_TRUE(loop_.turn());
  EXPECT_EQ(notes_, std::vector<std::string>{"outer"});
  EXPECT_TRUE(loop_.turn());
  EXPECT_FALSE(loop_.turn());
  EXPECT_EQ(notes_, (std::vector<std::string>{"outer", "inner"}));
}

TEST(ManualClock, WallAndSteadyMoveTogetherUnlessStepped) {
  ManualClock clock;
  const auto wall = clock.wall();
  const auto steady = clock.steady();
  clock.advance(1500ms);
  EXPECT_EQ(clock.wall() - wall, 1500ms);
  EXPECT_EQ(clock.steady() - steady, 1500ms);
  clock.step_wall(-3000ms);
  EXPECT_EQ(clock.wall() - wall, -1500ms);
  EXPECT_EQ(clock.steady() - steady, 1500ms);
}

TEST(Clock, UnixSecondsRoundDown) {
  EXPECT_EQ(unix_seconds(from_unix_ms(1999)), 1);
  EXPECT_EQ(unix_seconds(from_unix_ms(-1)), -1);
  EXPECT_EQ(unix_ms(from_unix_seconds(5)), 5000);
}

}  // namespace
}  // namespace gatecast
