#include "core/versioned.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace gatecast {
namespace {

struct Noted {
  Noted(int n, int& dead) : number(n), alive(n), dead_(dead) {}
  ~Noted() {
    alive = -1;
    ++dead_;
  }
  const int number;
  int alive;
  int& dead_;
};

TEST(Versioned, AReaderKeepsWhatItGotForTheLifeOfACall) {
  int dead = 0;
  SteadyTime now{std::chrono::hours{5}};
  Versioned<Noted> value(std::make_unique<Noted>(1, dead));
  const Noted& held = value.get();
  value.replace(std::make_unique<Noted>(2, dead), now);
  EXPECT_EQ(value.get().number, 2);
  value.replace(std::make_unique<Noted>(3, dead), now + kVersionLife);
  EXPECT_EQ(held.alive, 1);
  EXPECT_EQ(dead, 0);
  value.replace(std::make_unique<Noted>(4, dead), now + kVersionLife + Duration{1});
  EXPECT_EQ(dead, 1);
  EXPECT_EQ(value.kept(), 3u);
  EXPECT_EQ(value.get().number, 4);
}

TEST(Versioned, ReadersOfOtherThreadsSeeWholeVersions) {
  struct Pair {
    int a, b;
  };
  Versioned<const Pair> value(std::make_unique<const Pair>(Pair{0, 0}));
  std::atomic<bool> stop{false};
  std::atomic<bool> torn{false};
  std::thread reader([&] {
    for (int last = 0; !stop.load();) {
      const Pair& pair = value.get();
      if (pair.a != pair.b || pair.a < last) torn.store(true);
      last = pair.a;
    }
  });
  for (int i = 1; i <= 2000; ++i) value.replace(std::make_unique<const Pair>(Pair{i, i}), SteadyTime{Duration{i}});
  stop.store(true);
  reader.join();
  EXPECT_FALSE(torn.load());
}

}  // namespace
}  // namespace gatecast
