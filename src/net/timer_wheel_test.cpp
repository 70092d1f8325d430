#include "net/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <random>

namespace gatecast::net {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime kStart{1'000s};
constexpr Duration kTick = TimerWheel::kTick;

class Alarm final : public Timed {
 public:
  void on_time() override {
    ++fired;
    if (then) then();
  }
  using Timed::forget;
  using Timed::has_deadline;
  int fired = 0;
  std::function<void()> then;
};

class Wheel : public ::testing::Test {
 protected:
  void to(Duration d) { wheel.advance(kStart + d); }
  TimerWheel wheel{kStart};
};

TEST_F(Wheel, FiresOnceNeverEarlyAtMostOneTickLate) {
  for (const auto due : {Duration{1}, Duration{1ms}, kTick - Duration{1}, kTick, kTick + Duration{1}, Duration{3s},
                         kTick * 511, kTick * 512, kTick * 513, Duration{100s}, Duration{3600s}}) {
    TimerWheel fresh(kStart);
    Alarm alarm;
    fresh.set(alarm, kStart + due);
    EXPECT_TRUE(alarm.has_deadline());
    fresh.advance(kStart + due - Duration{1});
    EXPECT_EQ(alarm.fired, 0) << due.count();
    fresh.advance(kStart + due + kTick);
    EXPECT_EQ(alarm.fired, 1) << due.count();
    EXPECT_FALSE(alarm.has_deadline());
    fresh.advance(kStart + due + 4000s);
    EXPECT_EQ(alarm.fired, 1) << due.count();
  }
}

TEST_F(Wheel, ManyDeadlinesEachInItsTime) {
  std::mt19937 random(7);
  struct Due {
    Alarm alarm;
    Duration at{};
    int sets = 0;
  };
  std::vector<Due> dues(500);
  Duration now{0};
  for (int step = 0; step < 3000; ++step) {
    auto& some = dues[random() % dues.size()];
    if (random() % 8 == 0) {
      some.alarm.forget();
      some.alarm.fired = some.sets = 0;
    } else {
      // Often within a round of the wheel, at times far beyond it.
      some.at = now + Duration{1ms} * (random() % (random() % 4 == 0 ? 100'000 : 5'000));
      wheel.set(some.alarm, kStart + some.at);
      some.alarm.fired = 0;
      some.sets = 1;
    }
    now += Duration{1ms} * (random() % 60);
    to(now);
    for (auto& d : dues) {
      if (d.alarm.fired > 0) {
        ASSERT_EQ(d.alarm.fired, d.sets);
        ASSERT_LE(d.at, now);
      } else if (d.sets > 0) {
        ASSERT_GT(d.at + kTick * 2, now) << "late";
      }
    }
  }
}

TEST_F(Wheel, MovedLaterAndEarlier) {
  Alarm alarm;
  wheel.set(alarm, kStart + 1s);
  wheel.set(alarm, kStart + 5s);
  to(2s);
  EXPECT_EQ(alarm.fired, 0);
  wheel.set(alarm, kStart + 3s);
  to(3s + kTick);
  EXPECT_EQ(alarm.fired, 1);
  to(10s);
  EXPECT_EQ(alarm.fired, 1);
}

TEST_F(Wheel, PastDeadlineFiresWithTheNextTick) {
  Alarm alarm;
  to(10s);
  wheel.set(alarm, kStart + 1s);
  wheel.set(alarm, kStart - 1s);
  to(10s);
  EXPECT_EQ(alarm.fired, 0);
  to(10s + kTick);
  EXPECT_EQ(alarm.fired, 1);
}

// The wheel has 512 slots of 64 ms: deadlines a whole number of rounds apart share a slot.
TEST_F(Wheel, RoundsApartInOneSlot) {
  std::array<Alarm, 5> alarms;
  for (std::size_t i = 0; i < alarms.size(); ++i) {
    wheel.set(alarms[i], kStart + kTick * 10 + kTick * 512 * static_cast<int>(i));
  }
  for (std::size_t i = 0; i < alarms.size(); ++i) {
    to(kTick * 9 + kTick * 512 * static_cast<int>(i));
    for (std::size_t k = 0; k < alarms.size(); ++k) EXPECT_EQ(alarms[k].fired, k < i ? 1 : 0);
    to(kTick * 10 + kTick * 512 * static_cast<int>(i));
    for (std::size_t k = 0; k < alarms.size(); ++k) EXPECT_EQ(alarms[k].fired, k <= i ? 1 : 0);
  }
}

// A machine that slept: everything due is told, in one call.
TEST_F(Wheel, LongPauseTellsEveryone) {
  std::vector<Alarm> alarms(100);
  for (std::size_t i = 0; i < alarms.size(); ++i) wheel.set(alarms[i], kStart + Duration{1s} * i);
  to(98s);
  for (std::size_t i = 0; i < alarms.size(); ++i) EXPECT_EQ(alarms[i].fired, i <= 97 ? 1 : 0) << i;
}

// Whichever of those in a slot is forgotten, the others are told.
TEST_F(Wheel, ForgettingUnlinksAnyOfASlot) {
  for (std::size_t first = 0; first < 5; ++first) {
    for (std::size_t second = 0; second < 5; ++second) {
      TimerWheel fresh(kStart);
      std::array<Alarm, 5> alarms;
      for (auto& alarm : alarms) fresh.set(alarm, kStart + 1s);
      alarms[first].forget();
      alarms[second].forget();
      EXPECT_FALSE(alarms[first].has_deadline());
      fresh.advance(kStart + 2s);
      for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(alarms[i].fired, i == first || i == second ? 0 : 1);
    }
  }
}

TEST_F(Wheel, DestructionForgets) {
  std::array<std::optional<Alarm>, 3> alarms;
  for (auto& alarm : alarms) wheel.set(alarm.emplace(), kStart + 1s);
  alarms[1].reset();
  to(2s);
  EXPECT_EQ(alarms[0]->fired, 1);
  EXPECT_EQ(alarms[2]->fired, 1);
}

TEST_F(Wheel, SetAnewInItsOwnCallback) {
  Alarm alarm;
  alarm.then = [&] { wheel.set(alarm, kStart + Duration{1s} * (alarm.fired + 1)); };
  wheel.set(alarm, kStart + 1s);
  for (int i = 1; i <= 100; ++i) {
    to(Duration{1s} * i + kTick);
    EXPECT_EQ(alarm.fired, i);
  }
  // A past deadline set in the callback waits for the next tick: it must not spin.
  alarm.then = [&] { wheel.set(alarm, kStart); };
  to(101s + kTick);
  const int before = alarm.fired;
  to(101s + kTick * 11);
  EXPECT_EQ(alarm.fired - before, 10);
}

TEST_F(Wheel, CallbackMayMoveForgetOrDestroyOthersOfTheSameSlot) {
  // All do the same to all others: only the first of them, whoever that is, is told in this turn.
  for (const int what : {0, 1, 2}) {
    TimerWheel fresh(kStart);
    std::vector<std::unique_ptr<Alarm>> alarms;
    int told = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      alarms.push_back(std::make_unique<Alarm>());
      alarms[i]->then = [&, i] {
        ++told;
        for (std::size_t k = 0; k < 4; ++k) {
          if (k == i || alarms[k] == nullptr) continue;
          if (what == 0) alarms[k]->forget();
          if (what == 1) alarms[k].reset();
          if (what == 2 && told == 1) fresh.set(*alarms[k], kStart + 5s);
        }
      };
      fresh.set(*alarms[i], kStart + 1s);
    }
    fresh.advance(kStart + 2s);
    EXPECT_EQ(told, 1) << what;
    fresh.advance(kStart + 6s);
    EXPECT_EQ(told, what == 2 ? 4 : 1) << what;
  }
}

TEST_F(Wheel, CallbackMayDestroyItself) {
  auto alarm = std::make_unique<Alarm>();
  Alarm other;
  // The callback lives in the one it destroys: it is moved out first.
  alarm->then = [&] {
    auto self = std::move(alarm->then);
    alarm.reset();
  };
  wheel.set(*alarm, kStart + 1s);
  wheel.set(other, kStart + 1s);
  to(2s);
  EXPECT_EQ(alarm, nullptr);
  EXPECT_EQ(other.fired, 1);
}

}  // namespace
}  // namespace gatecast::net
