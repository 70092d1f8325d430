#include "limits/rate_limiter.hpp"

#include <gtest/gtest.h>

#include "core/manual_loop.hpp"
#include "limits/client_key.hpp"

namespace gatecast::limits {
namespace {

using namespace std::chrono_literals;

TEST(ClientKey, CountsIpv4ByAddressAndIpv6ByNetwork) {
  struct Row {
    std::string_view ip, key;
  };
  const Row rows[] = {
      {"192.0.2.7", "192.0.2.7"},
      {"::ffff:192.0.2.7", "192.0.2.7"},
      {"::ffff:c000:207", "192.0.2.7"},
      {"2001:db8:0:1:aaaa:bbbb:cccc:dddd", "2001:db8:0:1::/64"},
      {"2001:DB8:0:1::9", "2001:db8:0:1::/64"},
      {"2001:db8:0:2::9", "2001:db8:0:2::/64"},
      {"::1", "::/64"},
      {"fe80::1%eth0", "fe80::/64"},
      {"", "unknown"},
      {"localhost", "unknown"},
      {"192.0.2.256", "unknown"},
      {"192.0.2.7 ", "unknown"},
      {std::string_view("192.0.2.7\0x", 11), "unknown"},
  };
  for (const Row& row : rows) EXPECT_EQ(client_key(row.ip), row.key) << row.ip;
}

/// A cache that can be taken away.
class GoingCache final : public cache::Cache {
 public:
  explicit GoingCache(const Clock& clock) : memory_(clock) {}
  Task<Result<cache::Count>> hit(std::string key, Duration window, std::uint32_t limit) override {
    if (gone) co_return fail(Errc::temporarily_unavailable, "gone");
    co_return memory_.hit_now(std::move(key), window, limit);
  }
  Task<Result<void>> give_back(std::string key) override {
    if (gone) co_return fail(Errc::temporarily_unavailable, "gone");
    memory_.give_back_now(std::move(key));
    co_return Result<void>{};
  }
  Task<Result<std::optional<std::string>>> get(std::string key) override { return memory_.get(std::move(key)); }
  Task<Result<void>> put(std::string key, std::string value, Duration ttl) override {
    return memory_.put(std::move(key), std::move(value), ttl);
  }
  bool gone = false;

 private:
  cache::MemoryCache memory_;
};

class RateLimiterTest : public testing::Test {
 protected:
  Verdict check(RateClass rate, std::string_view ip = "192.0.2.7") { return loop_.run(limiter_.check(rate, ip)); }
  int allowed_of(int calls, RateClass rate, std::string_view ip = "192.0.2.7") {
    int n = 0;
    for (int i = 0; i < calls; ++i) n += check(rate, ip).allowed ? 1 : 0;
    return n;
  }

  ManualClock clock_;
  ManualLoop loop_{clock_};
  GoingCache cache_{clock_};
  RateLimiter limiter_{cache_, clock_, {.strict = {3, 60s}, .liberal = {10, 60s}, .connect = {5, 10s}}};
};

TEST_F(RateLimiterTest, EachClassHasItsFigure) {
  EXPECT_EQ(allowed_of(50, RateClass::strict), 3);
  EXPECT_EQ(allowed_of(50, RateClass::liberal), 10);
  EXPECT_EQ(allowed_of(50, RateClass::connect), 5);
  EXPECT_EQ(allowed_of(50, RateClass::api), 50);
  EXPECT_EQ(allowed_of(50, RateClass::none), 50);
  EXPECT_EQ(limiter_.refused(RateClass::strict), 47U);
  EXPECT_EQ(limiter_.refused(RateClass::api), 0U);
}

TEST_F(RateLimiterTest, RefusalSaysWhenToComeBackAndThatIsTrue) {
  allowed_of(3, RateClass::strict);
  clock_.advance(10s + 300ms);
  Verdict refused = check(RateClass::strict);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, 50s);
  clock_.advance(refused.retry_after);
  EXPECT_TRUE(check(RateClass::strict).allowed);
}

TEST_F(RateLimiterTest, WhatIsGivenBackDoesNotCount) {
  for (const bool gone : {false, true}) {
    cache_.gone = gone;
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(check(RateClass::strict).allowed) << i;
      spawn(limiter_.give_back(RateClass::strict, "192.0.2.7"));
    }
    EXPECT_EQ(allowed_of(10, RateClass::strict), 3);
    spawn(limiter_.give_back(RateClass::strict, "192.0.2.8"));
    EXPECT_FALSE(check(RateClass::strict).allowed);
  }
}

TEST_F(RateLimiterTest, RetryAfterIsNeverZero) {
  allowed_of(3, RateClass::strict);
  clock_.advance(59'999ms);
  Verdict refused = check(RateClass::strict);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, 1s);
}

TEST_F(RateLimiterTest, ClientsAreCountedApartByAddressOrNetwork) {
  EXPECT_EQ(allowed_of(5, RateClass::strict, "192.0.2.7"), 3);
  EXPECT_EQ(allowed_of(5, RateClass::strict, "192.0.2.8"), 3);
  EXPECT_EQ(allowed_of(2, RateClass::strict, "2001:db8::1"), 2);
  EXPECT_EQ(allowed_of(5, RateClass::strict, "2001:db8::2"), 1);
  EXPECT_EQ(allowed_of(5, RateClass::strict, "2001:db8:0:1::2"), 3);
}

TEST_F(RateLimiterTest, WithoutCacheStrictIsCountedLocallyAndTheRestIsAllowed) {
  cache_.gone = true;
  EXPECT_EQ(allowed_of(50, RateClass::strict), 3);
  EXPECT_EQ(allowed_of(50, RateClass::liberal), 50);
  EXPECT_EQ(allowed_of(50, RateClass::connect), 50);
  EXPECT_EQ(limiter_.degraded(), 150U);
  EXPECT_GE(check(RateClass::strict).retry_after, 1s);
  cache_.gone = false;
  EXPECT_EQ(allowed_of(50, RateClass::liberal), 10);
}

TEST_F(RateLimiterTest, TheAddressIsReadBeforeTheTaskRuns) {
  auto ip = std::make_unique<std::string>("198.51.100.1");
  Task<Verdict> task = limiter_.check(RateClass::strict, *ip);
  ip.reset();
  EXPECT_TRUE(loop_.run(std::move(task)).allowed);
}

TEST(RateLimits, DefaultsAreTheDocumentedFigures) {
  const RateLimits limits;
  EXPECT_EQ(limits.strict.hits, 30U);
  EXPECT_EQ(limits.liberal.hits, 600U);
  EXPECT_EQ(limits.connect.hits, 300U);
  EXPECT_EQ(limits.api.hits, 0U);
  EXPECT_EQ(limits.strict.window, 60s);
}

}  // namespace
}  // namespace gatecast::limits
