#include "limits/idempotency.hpp"

#include <gtest/gtest.h>

#include "core/manual_loop.hpp"

namespace gatecast::limits {
namespace {

class IdempotencyTest : public testing::Test {
 protected:
  Result<Idempotency::Ticket> begin(std::string_view key, std::string body, std::string place = "key:a\nmint") {
    return loop_.run(calls_.begin(std::move(place), key, std::move(body)));
  }
  void done(Idempotency::Ticket ticket, std::string answer) {
    spawn(calls_.done(std::move(ticket), std::move(answer)));
    loop_.run_until_idle();
  }
  void give_up(Idempotency::Ticket ticket) {
    spawn(calls_.give_up(std::move(ticket)));
    loop_.run_until_idle();
  }
  static Errc code(const Result<Idempotency::Ticket>& r) { return r.has_value() ? Errc::internal : r.error().code; }

  ManualClock clock_;
  ManualLoop loop_{clock_};
  cache::MemoryCache cache_{clock_, {.entries_max = 1024, .bytes_max = 16 * 4096}};
  Idempotency calls_{cache_};
};

TEST_F(IdempotencyTest, SameKeyAndBodyGetTheFirstAnswer) {
  auto first = begin("k", "body");
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(first->answer.has_value());
  done(*first, "{\"a\":1}");
  auto again = begin("k", "body");
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->answer, "{\"a\":1}");
}

TEST_F(IdempotencyTest, AnotherBodyIsAConflict) {
  done(*begin("k", "body"), "x");
  EXPECT_EQ(code(begin("k", "Body")), Errc::idempotency_conflict);
}

TEST_F(IdempotencyTest, CallersAndMethodsHaveTheirOwnKeys) {
  done(*begin("k", "body"), "x");
  EXPECT_FALSE(begin("k", "other", "key:b\nmint")->answer.has_value());
  EXPECT_FALSE(begin("k", "other", "key:a\npublish")->answer.has_value());
}

TEST_F(IdempotencyTest, WhileTheFirstRunsTheSecondIsBusy) {
  auto first = begin("k", "body");
  EXPECT_EQ(code(begin("k", "body")), Errc::idempotency_busy);
  done(*first, "x");
  EXPECT_EQ(begin("k", "body")->answer, "x");
}

TEST_F(IdempotencyTest, GivenUpItRunsAgain) {
  for (int i = 0; i < 3; ++i) {
    auto ticket = begin("k", "body");
    ASSERT_TRUE(ticket.has_value()) << i;
    EXPECT_FALSE(ticket->answer.has_value());
    EXPECT_EQ(code(begin("k", "body")), Errc::idempotency_busy);
    give_up(*ticket);
  }
  done(*begin("k", "body"), "x");
  EXPECT_EQ(begin("k", "body")->answer, "x");
}

TEST_F(IdempotencyTest, ForgetsAfterItsTime) {
  done(*begin("k", "body"), "x");
  clock_.advance(Idempotency::kKept - std::chrono::milliseconds{1});
  EXPECT_EQ(begin("k", "body")->answer, "x");
  clock_.advance(std::chrono::milliseconds{1});
  EXPECT_FALSE(begin("k", "other")->answer.has_value());
}

TEST_F(IdempotencyTest, AnAnswerTooLargeToKeepDoesNotBlockItsKey) {
  done(*begin("k", "body"), std::string(8192, 'x'));
  auto again = begin("k", "body");
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->answer.has_value());
}

}  // namespace
}  // namespace gatecast::limits
