#include "adapters/redis/redis_cache.hpp"

#include "adapters/redis/test_redis.hpp"
#include "cache/contract.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;
using testing::LoopThread;
using testing::TestRedis;

std::unique_ptr<RedisCache> open_cache(LoopThread& at, const std::string& url) {
  auto cache =
      at.call([&] { return RedisCache::make(at.loop(), {.url = ServiceUrl(url), .prefix = "t:", .deadline = 500ms}); });
  EXPECT_TRUE(cache.has_value()) << cache.error().detail;
  at.call([&] { (*cache)->start(); });
  return std::move(*cache);
}

/// One server for all cases; time passes by what is left of each key's life.
class RedisHarness final : public cache::CacheHarness {
 public:
  RedisHarness() { server().command({"FLUSHALL"}); }
  ~RedisHarness() override {
    at_.call([this] { cache_.reset(); });
  }
  cache::Cache& cache() override { return *cache_; }
  void pass(Duration d) override {
    const Value keys = server().command({"KEYS", "*"});
    for (const Value& key : keys.items) {
      const auto left = server().command({"PTTL", key.text}).number;
      EXPECT_GT(left, 0) << key.text << " lives for ever";
      EXPECT_TRUE(key.text.starts_with("t:1:k:"));
      const std::string rest = std::to_string(left - d / 1ms);
      server().command({"PEXPIRE", key.text, rest});
    }
  }
  ManualLoop& loop() override { return loop_; }

 private:
  static TestRedis& server() {
    static TestRedis one;
    return one;
  }
  ManualClock clock_;
  ManualLoop loop_{clock_};
  LoopThread at_;
  std::unique_ptr<RedisCache> cache_ = open_cache(at_, server().url());
};

}  // namespace
}  // namespace gatecast::redis

namespace gatecast::cache {
namespace {

INSTANTIATE_TEST_SUITE_P(Redis, CacheContract, testing::Values([]() -> std::unique_ptr<CacheHarness> {
                           return std::make_unique<gatecast::redis::RedisHarness>();
                         }));

}  // namespace
}  // namespace gatecast::cache

namespace gatecast::redis {
namespace {

TEST(RedisCache, TwoNodesCountTogether) {
  TestRedis server;
  LoopThread one, two;
  auto first = open_cache(one, server.url());
  auto second = open_cache(two, server.url());
  for (std::uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(one.run(first->hit("k", 10s, 100))->count, 2 * i + 1);
    EXPECT_EQ(two.run(second->hit("k", 10s, 100))->count, 2 * i + 2);
  }
  one.call([&] { first.reset(); });
  two.call([&] { second.reset(); });
}

TEST(RedisCache, AwayItSaysSoAndStoppedItAnswersWhatIsUnderWay) {
  TestRedis server;
  LoopThread at, asking;
  auto cache = open_cache(at, server.url());
  ASSERT_TRUE(at.until([&] { return cache->in_touch(); }));
  server.pause();
  const auto late = asking.run(cache->hit("k", 10s, 3));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Errc::temporarily_unavailable);
  ASSERT_TRUE(at.until([&] { return !cache->in_touch(); }));
  EXPECT_NE(cache->trouble(), "");
  server.resume();
  ASSERT_TRUE(at.until([&] { return cache->in_touch(); }));
  server.pause();
  std::promise<void> answered;
  asking.call([&] {
    spawn([](RedisCache& of) -> Task<void> { EXPECT_FALSE((co_await of.get("k")).has_value()); }(*cache),
          [&] { answered.set_value(); });
  });
  at.call([&] { cache->stop(); });
  answered.get_future().get();
  EXPECT_FALSE(asking.run(cache->get("k")).has_value());
  server.resume();
  at.call([&] { cache.reset(); });
}

TEST(RedisCache, AValueOverItsBoundIsRefused) {
  TestRedis server;
  LoopThread at;
  auto cache = open_cache(at, server.url());
  const auto put = at.run(cache->put("k", std::string(RedisCache::kValueBytesMax + 1, 'x'), 10s));
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().code, Errc::overloaded);
  EXPECT_TRUE(at.run(cache->put("k", std::string(RedisCache::kValueBytesMax, 'x'), 10s)).has_value());
  EXPECT_EQ((*at.run(cache->get("k")))->size(), RedisCache::kValueBytesMax);
  at.call([&] { cache.reset(); });
}

}  // namespace
}  // namespace gatecast::redis
