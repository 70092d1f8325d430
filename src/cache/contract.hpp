// What every cache must do: one suite, run on each implementation.
//
// Place: included by an implementation's test, which says INSTANTIATE_TEST_SUITE_P(Name, CacheContract, Values(make)).
// A harness gives a fresh cache and lets time pass: by a manual clock, or by the means of a real server.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "cache/cache.hpp"
#include "core/manual_loop.hpp"

namespace gatecast::cache {

class CacheHarness {
 public:
  virtual ~CacheHarness() = default;
  virtual Cache& cache() = 0;
  virtual void pass(Duration d) = 0;
  virtual ManualLoop& loop() = 0;
};

class CacheContract : public testing::TestWithParam<std::function<std::unique_ptr<CacheHarness>()>> {
 protected:
  Count hit(const std::string& key, std::uint32_t limit = 3, Duration window = std::chrono::seconds{10}) {
    auto count = harness_->loop().run(harness_->cache().hit(key, window, limit));
    EXPECT_TRUE(count.has_value());
    return count.value_or(Count{});
  }
  std::optional<std::string> get(const std::string& key) {
    auto value = harness_->loop().run(harness_->cache().get(key));
    EXPECT_TRUE(value.has_value());
    return value.value_or(std::nullopt);
  }
  void put(const std::string& key, const std::string& value, Duration ttl = std::chrono::seconds{10}) {
    EXPECT_TRUE(harness_->loop().run(harness_->cache().put(key, value, ttl)).has_value());
  }
  void pass(Duration d) { harness_->pass(d); }

  std::unique_ptr<CacheHarness> harness_ = GetParam()();
};

TEST_P(CacheContract, CountsUpToTheLimitWithoutWaiting) {
  for (std::uint32_t i = 1; i <= 3; ++i) {
    Count count = hit("k");
    EXPECT_EQ(count.count, i);
    EXPECT_EQ(count.retry_after, Duration::zero());
  }
}

TEST_P(CacheContract, OverTheLimitSaysHowLongTheWindowLasts) {
  using namespace std::chrono_literals;
  for (int i = 0; i < 3; ++i) hit("k");
  pass(4s);
  Count over = hit("k");
  EXPECT_EQ(over.count, 4U);
  EXPECT_GT(over.retry_after, 5s);
  EXPECT_LE(over.retry_after, 6s);
}

TEST_P(CacheContract, CountStopsOneOverTheLimit) {
  for (int i = 0; i < 10; ++i) hit("k");
  EXPECT_EQ(hit("k").count, 4U);
}

TEST_P(CacheContract, HitsDoNotProlongTheWindow) {
  using namespace std::chrono_literals;
  hit("k");
  pass(6s);
  EXPECT_EQ(hit("k").count, 2U);
  pass(5s);
  EXPECT_EQ(hit("k").count, 1U);
}

TEST_P(CacheContract, LimitZeroIsOverAtOnce) {
  Count count = hit("k", 0);
  EXPECT_EQ(count.count, 1U);
  EXPECT_GT(count.retry_after, Duration::zero());
}

TEST_P(CacheContract, AHitGivenBackDoesNotCountAndTheWindowStays) {
  using namespace std::chrono_literals;
  hit("k");
  hit("k");
  pass(6s);
  EXPECT_TRUE(harness_->loop().run(harness_->cache().give_back("k")).has_value());
  EXPECT_EQ(hit("k").count, 2U);
  pass(5s);
  EXPECT_EQ(hit("k").count, 1U);
}

TEST_P(CacheContract, NoMoreIsGivenBackThanWasCounted) {
  EXPECT_TRUE(harness_->loop().run(harness_->cache().give_back("k")).has_value());
  EXPECT_EQ(hit("k").count, 1U);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(harness_->loop().run(harness_->cache().give_back("k")).has_value());
  EXPECT_EQ(hit("k").count, 1U);
  put("k", "value");
  EXPECT_TRUE(harness_->loop().run(harness_->cache().give_back("k")).has_value());
  EXPECT_EQ(get("k"), "value");
}

TEST_P(CacheContract, KeysAreCountedApart) {
  hit("a");
  hit("a");
  EXPECT_EQ(hit("b").count, 1U);
  EXPECT_EQ(hit("a").count, 3U);
}

TEST_P(CacheContract, GivesWhatWasPutUntilItsEnd) {
  using namespace std::chrono_literals;
  EXPECT_EQ(get("k"), std::nullopt);
  put("k", "value", 10s);
  pass(9s);
  EXPECT_EQ(get("k"), "value");
  pass(2s);
  EXPECT_EQ(get("k"), std::nullopt);
}

TEST_P(CacheContract, PuttingAgainReplacesValueAndLife) {
  using namespace std::chrono_literals;
  put("k", "one", 5s);
  put("k", "two", 20s);
  pass(10s);
  EXPECT_EQ(get("k"), "two");
  put("k", "three", 2s);
  pass(3s);
  EXPECT_EQ(get("k"), std::nullopt);
}

TEST_P(CacheContract, NoLifeRemoves) {
  put("k", "value");
  put("k", "value", Duration::zero());
  EXPECT_EQ(get("k"), std::nullopt);
}

TEST_P(CacheContract, EmptyAndBinaryValuesStay) {
  put("empty", "");
  put(std::string("a\0b", 3), std::string("\xff\0x", 3));
  EXPECT_EQ(get("empty"), "");
  EXPECT_EQ(get(std::string("a\0b", 3)), std::string("\xff\0x", 3));
  EXPECT_EQ(get("a"), std::nullopt);
}

TEST_P(CacheContract, CountersAndValuesOfOneKeyDoNotTouch) {
  hit("k");
  put("k", "value");
  EXPECT_EQ(hit("k").count, 2U);
  EXPECT_EQ(get("k"), "value");
}

}  // namespace gatecast::cache
