#include "net/shard.hpp"

#include <gtest/gtest.h>

#include <latch>

namespace gatecast::net {
namespace {

TEST(Shards, StartOnTheirOwnThreadsAndStop) {
  constexpr unsigned kCount = 3;
  Shards shards(kCount, {});
  ASSERT_EQ(shards.count(), kCount);
  std::array<std::thread::id, kCount> threads{};
  std::latch started(kCount);
  shards.start([&](Shard& shard) {
    shard.check().assert_here();
    EXPECT_EQ(Loop::current(), &shard.loop());
    threads[shard.index()] = std::this_thread::get_id();
    started.count_down();
  });
  started.wait();
  shards.stop();
  for (unsigned i = 0; i < kCount; ++i) {
    EXPECT_NE(threads[i], std::thread::id{});
    EXPECT_NE(threads[i], std::this_thread::get_id());
    for (unsigned k = 0; k < i; ++k) EXPECT_NE(threads[i], threads[k]);
  }
  shards.stop();
}

TEST(Shards, StoppedByTheirDestructor) {
  std::latch started(2);
  {
    Shards shards(2, {});
    shards.start([&](Shard&) { started.count_down(); });
    started.wait();
  }
  SUCCEED();
}

// Every shard sends every other one numbers in both lanes: they arrive on its thread, in the order of each sender.
TEST(Shards, PostsCrossInOrder) {
  constexpr unsigned kCount = 4;
  constexpr int kEach = 2000;
  struct Seen {
    std::array<int, kCount> control{};
    std::array<int, kCount> data{};
    unsigned ended = 0;
  };
  Shards shards(kCount, {});
  std::array<Seen, kCount> seen;
  std::latch all(kCount);
  shards.start([&](Shard& from) {
    for (unsigned to = 0; to < kCount; ++to) {
      for (int i = 0; i < kEach; ++i) {
        shards[to].post_control([&, to, i, sender = from.index()] {
          shards[to].check().assert_here();
          EXPECT_EQ(seen[to].control[sender]++, i);
        });
        EXPECT_TRUE(shards[to].post_data(10, [&, to, i, sender = from.index()] {
          shards[to].check().assert_here();
          EXPECT_EQ(seen[to].data[sender]++, i);
          EXPECT_GT(seen[to].control[sender], i);
          if (i + 1 == kEach && ++seen[to].ended == kCount) all.count_down();
        }));
      }
    }
  });
  all.wait();
  shards.stop();
  for (const auto& s : seen) {
    for (unsigned i = 0; i < kCount; ++i) {
      EXPECT_EQ(s.control[i], kEach);
      EXPECT_EQ(s.data[i], kEach);
    }
  }
}

TEST(Shards, FullDataLaneRefuses) {
  Shards shards(1, {.data_count = 2, .data_bytes = 100});
  // Nobody takes anything out: the shard has not started.
  EXPECT_FALSE(shards[0].post_data(101, [] {}));
  EXPECT_TRUE(shards[0].post_data(1, [] {}));
  EXPECT_TRUE(shards[0].post_data(1, [] {}));
  EXPECT_FALSE(shards[0].post_data(1, [] {}));
  std::latch ran(1);
  shards[0].post_control([&] { ran.count_down(); });
  shards.start([](Shard&) {});
  ran.wait();
}

class Notes final : public Turns {
 public:
  bool flush() override { return flush_fn(); }
  bool may_take_data() const override { return may_take; }
  std::function<bool()> flush_fn = [] { return false; };
  bool may_take = true;
};

// One shard run on the test's own thread.
TEST(Shard, TurnTakesControlThenDataThenFlushes) {
  Shard shard(0, {});
  Notes turns;
  std::vector<std::string> notes;
  shard.set_turns(&turns);
  EXPECT_TRUE(shard.post_data(1, [&] { notes.push_back("data"); }));
  shard.post_control([&] { notes.push_back("control"); });
  shard.loop().post([&] { notes.push_back("post"); });
  turns.flush_fn = [&] {
    notes.push_back("flush");
    shard.loop().stop();
    return false;
  };
  shard.run();
  EXPECT_EQ(notes, (std::vector<std::string>{"post", "control", "data", "flush"}));
}

TEST(Shard, TakesNoDataWhileTheSenderIsBehind) {
  Shard shard(0, {});
  Notes turns;
  shard.set_turns(&turns);
  turns.may_take = false;
  int turn = 0;
  int data_at = 0;
  EXPECT_TRUE(shard.post_data(1, [&] { data_at = turn; }));
  turns.flush_fn = [&] {
    ++turn;
    // The shard does not wait for an event: the data it holds back is work that is left.
    if (turn == 40) turns.may_take = true;
    if (turn == 41) shard.loop().stop();
    return false;
  };
  const auto began = std::chrono::steady_clock::now();
  shard.run();
  EXPECT_EQ(data_at, 40);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5)) << "40 waits would take 10 s";
}

// A flood of data is taken in parts, each sent before the next.
TEST(Shard, FloodOfDataIsTakenInParts) {
  Shard shard(0, {});
  Notes turns;
  shard.set_turns(&turns);
  int taken = 0;
  int most = 0;
  int before = 0;
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(shard.post_data(128 * 1024, [&] { ++taken; }));
  turns.flush_fn = [&] {
    most = std::max(most, taken - std::exchange(before, taken));
    if (taken == 64) shard.loop().stop();
    return false;
  };
  shard.run();
  EXPECT_EQ(most, 8);
}

TEST(Shard, WheelTurnsWithTheLoop) {
  class Alarm final : public Timed {
   public:
    explicit Alarm(Shard& s) : shard(s) {}
    void on_time() override {
      at = shard.loop().now();
      shard.loop().stop();
    }
    Shard& shard;
    SteadyTime at{};
  };
  Shard shard(0, {});
  Alarm alarm(shard);
  const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(70);
  shard.wheel().set(alarm, due);
  shard.loop().after(std::chrono::seconds(10), [&] { shard.loop().stop(); });
  shard.run();
  EXPECT_GE(alarm.at, due);
}

}  // namespace
}  // namespace gatecast::net
