#include "limits/pace.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "limits/crowd.hpp"
#include "limits/debtors.hpp"

namespace gatecast::limits {
namespace {

using namespace std::chrono_literals;
using Verdict = Pace::Verdict;
constexpr SteadyTime kStart{1h};

/// Takes `count` at one time; how many passed.
int passed(const Pace& pace, Debt& debt, SteadyTime now, int count) {
  int n = 0;
  for (int i = 0; i < count; ++i) n += pace.take(debt, now) == Verdict::pass ? 1 : 0;
  return n;
}

TEST(Pace, GivesTheBurstAtOnceAndThenTheRate) {
  const Pace pace(10, 20, 5s);
  Debt debt = 0;
  EXPECT_EQ(passed(pace, debt, kStart, 20), 20);
  EXPECT_EQ(pace.take(debt, kStart), Verdict::over);
  EXPECT_EQ(pace.wait(debt, kStart), 150ms) << "one, and half of what was refused";
  EXPECT_EQ(pace.take(debt, kStart + 100ms), Verdict::over);
  Debt fresh = 0;
  EXPECT_EQ(passed(pace, fresh, kStart, 20), 20);
  for (int i = 1; i <= 50; ++i) EXPECT_EQ(passed(pace, fresh, kStart + i * 100ms, 1), 1) << i;
  EXPECT_EQ(passed(pace, fresh, kStart + 1h, 40), 20) << "what was not used is no more than the burst";
}

TEST(Pace, ALargeOneCostsMore) {
  const Pace pace(10, 20, 5s);
  Debt debt = 0;
  EXPECT_EQ(pace.take(debt, kStart, 19), Verdict::pass);
  EXPECT_EQ(pace.take(debt, kStart, 2), Verdict::over);
  EXPECT_EQ(pace.take(debt, kStart + 200ms, 2), Verdict::pass);
}

TEST(Pace, SlightlyTooFastIsServedInPartAndNeverAFlood) {
  const Pace pace(100, 200, 5s);
  Debt debt = 0;
  int passes = 0;
  for (int i = 0; i < 150 * 60; ++i) {
    const auto verdict = pace.take(debt, kStart + i * 1'000'000us / 150);
    ASSERT_NE(verdict, Verdict::flood) << i;
    passes += verdict == Verdict::pass ? 1 : 0;
  }
  // Of 150 a second, 100 can be had: half of what is refused counts, so 50 pass and 100 do not.
  EXPECT_GT(passes, 50 * 60);
  EXPECT_LT(passes, 100 * 60);
}

TEST(Pace, FarTooFastIsAFloodWithinSeconds) {
  const Pace pace(100, 200, 5s);
  Debt debt = 0;
  int sent = 0;
  while (pace.take(debt, kStart) != Verdict::flood) ASSERT_LT(++sent, 10'000);
  EXPECT_EQ(sent, 200 + 2 * 500 - 1) << "the burst, then five seconds' worth at half the price";
  // The debt is bounded: it is over after the burst's time and the patience.
  EXPECT_EQ(passed(pace, debt, kStart + 7s, 1), 1);
}

TEST(Pace, IsCalmWhenHalfOfTheBurstIsFree) {
  const Pace pace(10, 20, 5s);
  Debt debt = 0;
  EXPECT_TRUE(pace.calm(debt, kStart));
  passed(pace, debt, kStart, 20);
  EXPECT_FALSE(pace.calm(debt, kStart + 1s));
  EXPECT_TRUE(pace.calm(debt, kStart + 1001ms));
}

TEST(Pace, WithoutAFigureNothingIsLimited) {
  const Pace pace(0, 0, 5s);
  EXPECT_FALSE(pace.limits());
  Debt debt = 0;
  EXPECT_EQ(passed(pace, debt, kStart, 1000), 1000);
}

TEST(Pace, TheLargestFiguresStayInRange) {
  const Pace pace(1, 4'000'000'000, 5s);
  Debt debt = 0;
  EXPECT_EQ(pace.take(debt, kStart, 1'000'000'000), Verdict::pass);
  EXPECT_EQ(pace.take(debt, kStart, 4'000'000), Verdict::flood);
  EXPECT_GT(debt, 0);
}

TEST(Pace, SeveralThreadsTakeNoMoreThanTheBurst) {
  const Pace pace(1, 10'000, 5s);
  SharedDebt debt{0};
  std::atomic<int> passes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) passes += pace.take(debt, kStart) == Verdict::pass ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(passes, 10'000);
}

TEST(Debtors, ShareOneWordOfAUser) {
  Debtors debtors;
  auto& first = debtors.enter("u1");
  EXPECT_EQ(&first, &debtors.enter("u1"));
  EXPECT_NE(&first, &debtors.enter("u2"));
  debtors.leave("u1", kStart);
  debtors.leave("u2", kStart);
  EXPECT_EQ(debtors.size(), 1u);
  debtors.leave("u1", kStart);
  EXPECT_EQ(debtors.size(), 0u);
  debtors.leave("nobody", kStart);
}

TEST(Debtors, WhoComesBackStillOwes) {
  Debtors debtors;
  const Pace pace(10, 20, 5s);
  EXPECT_EQ(pace.take(debtors.enter("u1"), kStart, 20), Verdict::pass);
  debtors.leave("u1", kStart);
  EXPECT_EQ(pace.take(debtors.enter("u1"), kStart), Verdict::over);
  debtors.leave("u1", kStart + 10s);
  EXPECT_EQ(debtors.size(), 0u);
}

TEST(Debtors, ForgetThoseWhoseDebtIsOver) {
  Debtors debtors;
  const Pace pace(10, 20, 5s);
  for (int i = 0; i < 100'000; ++i) {
    const auto user = "u" + std::to_string(i);
    const auto now = kStart + i * 1ms;
    pace.take(debtors.enter(user), now);
    debtors.leave(user, now);
  }
  // A debt of one is over after 100 ms; the rest waits for a sweep.
  EXPECT_LT(debtors.size(), 16 * 2 * 70u);
}

TEST(Crowd, CountsByAddressAndNetwork) {
  Crowd crowd(2);
  EXPECT_TRUE(crowd.enter("192.0.2.7"));
  EXPECT_TRUE(crowd.enter("192.0.2.7"));
  EXPECT_FALSE(crowd.enter("192.0.2.7"));
  EXPECT_TRUE(crowd.enter("192.0.2.8"));
  EXPECT_TRUE(crowd.enter("2001:db8::1"));
  EXPECT_TRUE(crowd.enter("2001:db8::2"));
  EXPECT_FALSE(crowd.enter("2001:db8:0:0:ffff::3"));
  EXPECT_TRUE(crowd.enter("2001:db8:0:1::1"));
  EXPECT_TRUE(crowd.enter("no address"));
  EXPECT_EQ(crowd.addresses(), 5u);
  crowd.leave("192.0.2.7");
  EXPECT_TRUE(crowd.enter("192.0.2.7"));
  for (const char* ip : {"192.0.2.7", "192.0.2.7", "192.0.2.8", "2001:db8::9", "2001:db8::9", "2001:db8:0:1::1", "x"}) {
    crowd.leave(ip);
  }
  EXPECT_EQ(crowd.addresses(), 0u);
  crowd.leave("192.0.2.7");
}

}  // namespace
}  // namespace gatecast::limits
