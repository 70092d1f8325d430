#include "cache/memory.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "cache/contract.hpp"

namespace gatecast::cache {
namespace {

using namespace std::chrono_literals;

class MemoryHarness final : public CacheHarness {
 public:
  Cache& cache() override { return cache_; }
  void pass(Duration d) override { loop_.advance(d); }
  ManualLoop& loop() override { return loop_; }

 private:
  ManualClock clock_;
  ManualLoop loop_{clock_};
  MemoryCache cache_{clock_};
};

INSTANTIATE_TEST_SUITE_P(Memory, CacheContract, testing::Values([]() -> std::unique_ptr<CacheHarness> {
                           return std::make_unique<MemoryHarness>();
                         }));

class MemoryBound : public testing::Test {
 protected:
  std::optional<std::string> get(MemoryCache& cache, std::string key) { return *loop_.run(cache.get(std::move(key))); }
  bool put(MemoryCache& cache, std::string key, std::string value, Duration ttl) {
    return loop_.run(cache.put(std::move(key), std::move(value), ttl)).has_value();
  }
  ManualClock clock_;
  ManualLoop loop_{clock_};
};

TEST_F(MemoryBound, WhenFullTheEntryThatExpiresFirstGoes) {
  MemoryCache cache(clock_, {.entries_max = 3, .stripes = 1});
  put(cache, "long", "1", 60s);
  put(cache, "short", "2", 10s);
  put(cache, "middle", "3", 30s);
  put(cache, "new", "4", 20s);
  EXPECT_EQ(cache.entries(), 3U);
  EXPECT_EQ(cache.evictions(), 1U);
  EXPECT_EQ(get(cache, "short"), std::nullopt);
  EXPECT_EQ(get(cache, "long"), "1");
  EXPECT_EQ(get(cache, "middle"), "3");
  EXPECT_EQ(get(cache, "new"), "4");
}

TEST_F(MemoryBound, ExpiredEntriesMakeRoomBeforeLivingOnes) {
  MemoryCache cache(clock_, {.entries_max = 2, .stripes = 1});
  put(cache, "a", "1", 60s);
  put(cache, "b", "2", 1s);
  clock_.advance(2s);
  put(cache, "c", "3", 10s);
  EXPECT_EQ(cache.evictions(), 0U);
  EXPECT_EQ(get(cache, "a"), "1");
}

TEST_F(MemoryBound, BytesAreBoundedAndOversizeIsRefused) {
  MemoryCache cache(clock_, {.entries_max = 100, .bytes_max = 64, .stripes = 1});
  EXPECT_TRUE(put(cache, "a", std::string(40, 'a'), 10s));
  EXPECT_TRUE(put(cache, "b", std::string(40, 'b'), 20s));
  EXPECT_EQ(cache.entries(), 1U);
  EXPECT_EQ(get(cache, "b"), std::string(40, 'b'));
  EXPECT_FALSE(put(cache, "c", std::string(64, 'c'), 20s));
  EXPECT_EQ(get(cache, "b"), std::string(40, 'b'));
}

TEST_F(MemoryBound, ManyKeysStayWithinTheBound) {
  MemoryCache cache(clock_, {.entries_max = 1'000, .stripes = 8});
  for (int i = 0; i < 20'000; ++i) cache.hit_now(std::to_string(i), 60s, 5);
  EXPECT_LE(cache.entries(), 1'000U);
}

TEST_F(MemoryBound, ThreadsLoseNoHit) {
  MemoryCache cache(clock_);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache] {
      for (int i = 0; i < 2'000; ++i) cache.hit_now("shared", 60s, 100'000);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(cache.hit_now("shared", 60s, 100'000).count, 8'001U);
}

}  // namespace
}  // namespace gatecast::cache
