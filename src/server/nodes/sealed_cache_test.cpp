#include "server/nodes/sealed_cache.hpp"

#include <gtest/gtest.h>

#include "cache/memory.hpp"
#include "core/manual_loop.hpp"
#include "limits/idempotency.hpp"

namespace gatecast::server {
namespace {

const Secret kOld(std::string(32, 'o'));
const Secret kNew(std::string(32, 'n'));

class SealedCacheTest : public testing::Test {
 protected:
  ManualClock clock_;
  ManualLoop loop_{clock_};
  cache::MemoryCache common_{clock_};
};

TEST_F(SealedCacheTest, WhatLiesInTheCommonCacheSaysNothing) {
  SealedCache cache(common_, {kOld});
  ASSERT_TRUE(loop_.run(cache.put("k", "a token", std::chrono::minutes{1})));
  EXPECT_FALSE((*loop_.run(common_.get("k")))->contains("token"));
  EXPECT_EQ(*loop_.run(cache.get("k")), "a token");
  EXPECT_FALSE(loop_.run(cache.get("other"))->has_value());
}

TEST_F(SealedCacheTest, NodesWithAKeyInCommonUnderstandEachOther) {
  SealedCache before(common_, {kOld}), between(common_, {kNew, kOld}), after(common_, {kNew});
  ASSERT_TRUE(loop_.run(before.put("k", "text", std::chrono::minutes{1})));
  EXPECT_EQ(*loop_.run(between.get("k")), "text");
  EXPECT_EQ(loop_.run(after.get("k")).error().code, Errc::temporarily_unavailable);
}

TEST_F(SealedCacheTest, AnAnswerUnderAnotherKeyOfTheCacheDoesNotOpen) {
  SealedCache cache(common_, {kOld});
  ASSERT_TRUE(loop_.run(cache.put("k", "text", std::chrono::minutes{1})));
  const std::string sealed = **loop_.run(common_.get("k"));
  ASSERT_TRUE(loop_.run(common_.put("j", sealed, std::chrono::minutes{1})));
  EXPECT_FALSE(loop_.run(cache.get("j")));
}

TEST_F(SealedCacheTest, ACallRepeatedAtAnotherNodeGetsTheFirstAnswer) {
  SealedCache first(common_, {kOld}), second(common_, {kOld});
  limits::Idempotency a(first), b(second);
  auto ticket = loop_.run(a.begin("mint", "key", "body"));
  ASSERT_TRUE(ticket && !ticket->answer);
  EXPECT_EQ(loop_.run(b.begin("mint", "key", "body")).error().code, Errc::idempotency_busy);
  spawn(a.done(*ticket, "{\"token\":1}"));
  loop_.run_until_idle();
  EXPECT_EQ(loop_.run(b.begin("mint", "key", "body"))->answer, "{\"token\":1}");
}

}  // namespace
}  // namespace gatecast::server
