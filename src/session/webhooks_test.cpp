#include "session/webhooks.hpp"

#include "session/hook_signature.hpp"
#include "session/sessions_fixture.hpp"

namespace gatecast::session {
namespace {

using std::chrono::seconds;

/// A receiver that answers as told; what it took is kept.
class Receiver final : public outbound::Outbound {
 public:
  Task<Result<outbound::Reply>> send(outbound::Request request) override {
    tries.push_back(request);
    if (answers.empty() || answers.front() == 200) {
      if (!answers.empty()) answers.erase(answers.begin());
      co_return outbound::Reply{.status = 200};
    }
    const unsigned status = answers.front();
    answers.erase(answers.begin());
    if (status == 0) co_return fail(Errc::outbound_failed, "connection refused");
    co_return outbound::Reply{.status = status};
  }
  std::vector<unsigned> answers{};  // then 200; 0: no answer
  std::vector<outbound::Request> tries{};
};

class WebhooksTest : public SessionsTest {
 protected:
  ~WebhooksTest() override { stop(); }
  void start(std::vector<std::string> kinds = {}) {
    hooks_ = std::make_unique<Webhooks>(
        std::vector<Webhook>{{.name = "app", .url = "https://a", .secret = Secret{"s"}, .kinds = std::move(kinds)}},
        Webhooks::Parts{*store_, receiver_, clock_, *bell_});
    ASSERT_TRUE(loop_.run(hooks_->start()).has_value());
  }
  static Task<bool> stopped(Webhooks& hooks) {
    co_await hooks.stop();
    co_return true;
  }
  void stop() {
    if (!hooks_) return;
    loop_.run(stopped(*hooks_));
    hooks_.reset();
    bell_ = std::make_unique<Bell>();
  }
  void happened(const std::string& user, const std::string& kind = "user_changed") {
    ASSERT_TRUE(loop_.run(store_->audit({{.at = clock_.wall(), .kind = kind, .user_id = user}})).has_value());
  }
  /// Lets time go by in small steps, the store answering in between.
  bool within(Duration time, const std::function<bool()>& condition) {
    for (Duration gone{}; gone <= time; gone += std::chrono::milliseconds{20}) {
      if (settles(condition)) return true;
      loop_.advance(std::chrono::milliseconds{20});
    }
    return condition();
  }
  std::size_t count(const std::string& user) const {
    std::size_t n = 0;
    for (const auto& each : receiver_.tries) n += each.body.find("\"user\":\"" + user + "\"") != std::string::npos;
    return n;
  }
  bool settles(const std::function<bool()>& condition) {
    for (int i = 0; i < 5 && !condition(); ++i) EXPECT_TRUE(loop_.run(store_->ping()).has_value());
    return condition();
  }

  Receiver receiver_;
  std::unique_ptr<Bell> bell_ = std::make_unique<Bell>();
  std::unique_ptr<Webhooks> hooks_;
};

TEST_F(WebhooksTest, BeginsAtNowAndTellsInOrder) {
  happened("before");
  start();
  happened("a");
  happened("b");
  ASSERT_TRUE(within(seconds{3}, [&] { return count("b") == 1; }));
  EXPECT_EQ(count("before"), 0u);
  const auto& request = receiver_.tries.front();
  EXPECT_LT(request.body.find("\"a\""), request.body.find("\"b\""));
  EXPECT_EQ(request.method, "POST");
  bool signed_right = false;
  for (const auto& [name, value] : request.headers) {
    if (name != kHookSignatureHeader) continue;
    const std::int64_t t = std::stoll(value.substr(2, value.find(',') - 2));
    signed_right = value == hook_signature(Secret{"s"}, from_unix_seconds(t), request.body);
  }
  EXPECT_TRUE(signed_right);
}

TEST_F(WebhooksTest, ARefusedBatchComesAgainUnchangedAndBeforeTheNext) {
  start();
  receiver_.answers = {500, 0, 302, 200};
  happened("a");
  ASSERT_TRUE(within(seconds{3}, [&] { return count("a") == 1; }));
  happened("b");
  ASSERT_TRUE(within(seconds{20}, [&] { return count("b") == 1; }));
  ASSERT_EQ(receiver_.tries.size(), 5u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(receiver_.tries[i].body, receiver_.tries[0].body) << i;
  EXPECT_EQ(receiver_.tries[3].body.find("\"b\""), std::string::npos);
}

TEST_F(WebhooksTest, GoesOnWhereItWasAfterAStart) {
  start();
  happened("a");
  ASSERT_TRUE(within(seconds{3}, [&] { return count("a") == 1; }));
  stop();
  happened("b");
  start();
  ASSERT_TRUE(within(seconds{3}, [&] { return count("b") == 1; }));
  EXPECT_EQ(count("a"), 1u);
}

TEST_F(WebhooksTest, WhatWasNotTakenIsSentAfterAStart) {
  start();
  receiver_.answers = std::vector<unsigned>(3, 503);
  happened("a");
  ASSERT_TRUE(within(seconds{3}, [&] { return count("a") >= 1; }));
  stop();
  receiver_.answers.clear();
  const auto before = count("a");
  start();
  ASSERT_TRUE(within(seconds{3}, [&] { return count("a") == before + 1; }));
}

TEST_F(WebhooksTest, OneThatWasMadeOnAnEmptyLogMissesNothing) {
  start();
  stop();
  happened("a");
  start();
  ASSERT_TRUE(within(seconds{3}, [&] { return count("a") == 1; }));
}

TEST_F(WebhooksTest, TellsOnlyItsKinds) {
  start({"user.blocked"});
  happened("a");
  happened("b", "user_blocked");
  happened("c", "refusal");
  happened("d", "user_blocked");
  ASSERT_TRUE(within(seconds{3}, [&] { return count("d") == 1; }));
  EXPECT_EQ(count("a") + count("c"), 0u);
  EXPECT_EQ(count("b"), 1u);
}

TEST_F(WebhooksTest, ManyEventsGoInBatches) {
  start();
  std::vector<store::AuditRow> rows;
  for (int i = 0; i < 250; ++i)
    rows.push_back({.at = clock_.wall(), .kind = "user_changed", .user_id = fmt::format("u{}", i)});
  ASSERT_TRUE(loop_.run(store_->audit(rows)).has_value());
  ASSERT_TRUE(within(seconds{5}, [&] { return count("u249") == 1; }));
  EXPECT_EQ(receiver_.tries.size(), 3u);
  for (int i = 0; i < 250; ++i) EXPECT_EQ(count(fmt::format("u{}", i)), 1u) << i;
}

TEST_F(WebhooksTest, OfTwoNodesOneSendsAndTheOtherGoesOn) {
  start();
  stop();  // the webhook has a place in the log
  Bell other_bell;
  const std::vector<Webhook> same{{.name = "app", .url = "https://a", .secret = Secret{"s"}}};
  Webhooks a(same, {*store_, receiver_, clock_, *bell_, "a"}), b(same, {*store_, receiver_, clock_, other_bell, "b"});
  ASSERT_TRUE(loop_.run(a.start()).has_value());
  ASSERT_TRUE(loop_.run(b.start()).has_value());
  happened("first");
  ASSERT_TRUE(within(seconds{3}, [&] { return count("first") == 1; }));
  happened("second");
  ASSERT_TRUE(within(seconds{3}, [&] { return count("second") == 1; }));
  EXPECT_FALSE(within(seconds{8}, [&] { return receiver_.tries.size() > 2; })) << "sent by both";
  loop_.run(stopped(a));
  happened("third");
  ASSERT_TRUE(within(seconds{8}, [&] { return count("third") == 1; })) << "given back";
  loop_.run(stopped(b));
  EXPECT_EQ(count("first") + count("second"), 2u);
  bell_ = std::make_unique<Bell>();
}

TEST_F(WebhooksTest, ANodeThatIsGoneIsSucceededWhenItsLeaseIsOver) {
  start();
  stop();
  ASSERT_TRUE(*loop_.run(store_->lease("webhook:app", "gone", seconds{15})));
  Webhooks b({{.name = "app", .url = "https://a", .secret = Secret{"s"}}}, {*store_, receiver_, clock_, *bell_, "b"});
  ASSERT_TRUE(loop_.run(b.start()).has_value());
  happened("a");
  EXPECT_FALSE(within(seconds{14}, [&] { return count("a") > 0; })) << "while it is held";
  EXPECT_TRUE(within(seconds{7}, [&] { return count("a") == 1; }));
  loop_.run(stopped(b));
  bell_ = std::make_unique<Bell>();
}

// It waits a long time before the next attempt, and meanwhile another had the lease and went on.
TEST_F(WebhooksTest, WhoWasWithoutTheLeaseForAWhileGoesOnWhereTheOtherOneCame) {
  start();
  stop();
  Webhooks a({{.name = "app", .url = "https://a", .secret = Secret{"s"}}}, {*store_, receiver_, clock_, *bell_, "a"});
  ASSERT_TRUE(loop_.run(a.start()).has_value());
  receiver_.answers = std::vector<unsigned>(7, 503);
  happened("first");
  ASSERT_TRUE(within(seconds{70}, [&] { return receiver_.tries.size() == 7; }));
  // At least half a minute until the eighth.
  clock_.advance(seconds{16});
  ASSERT_TRUE(*loop_.run(store_->lease("webhook:app", "b", seconds{2})));
  const auto newest = loop_.run(store_->audit_log({.before = std::numeric_limits<std::int64_t>::max(), .limit = 1}));
  ASSERT_TRUE(loop_.run(store_->set_position("webhook:app", newest->front().seq + 1)).has_value());
  happened("second");
  ASSERT_TRUE(within(seconds{70}, [&] { return count("second") == 1; }));
  EXPECT_EQ(count("first"), 7u) << "the other one has sent it";
  loop_.run(stopped(a));
  bell_ = std::make_unique<Bell>();
}

TEST(WebhookBackoff, DoublesToFiveMinutes) {
  const auto seconds_of = [](std::uint32_t failures) {
    return std::chrono::duration_cast<std::chrono::seconds>(webhook_backoff(failures, 0)).count();
  };
  EXPECT_EQ(seconds_of(1), 1);
  EXPECT_EQ(seconds_of(2), 2);
  EXPECT_EQ(seconds_of(8), 128);
  EXPECT_EQ(seconds_of(10), 300);
  EXPECT_EQ(seconds_of(4'000'000'000), 300);
  EXPECT_GE(webhook_backoff(1, 0.999), std::chrono::milliseconds{500});
}

}  // namespace
}  // namespace gatecast::session
