#include "token/key_set.hpp"

#include <gtest/gtest.h>

#include "core/manual_loop.hpp"
#include "token/test_issuer.hpp"
#include "token/trusted.hpp"

namespace gatecast::token {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(KeySetLife, FollowsCacheControlWithinBounds) {
  EXPECT_EQ(key_set_life(""), minutes{10});
  EXPECT_EQ(key_set_life("public, max-age=300"), minutes{5});
  EXPECT_EQ(key_set_life("Max-Age=300, must-revalidate"), minutes{5});
  EXPECT_EQ(key_set_life("max-age=0"), minutes{1});
  EXPECT_EQ(key_set_life("max-age=86400"), hours{1});
  EXPECT_EQ(key_set_life("max-age=99999999999999"), hours{1});
  EXPECT_EQ(key_set_life("no-store"), minutes{1});
  EXPECT_EQ(key_set_life("max-age=x"), minutes{10});
  EXPECT_EQ(key_set_life("s-max-age=5"), minutes{10});
}

class KeySetTest : public testing::Test {
 protected:
  KeySetTest() {
    web_.publish({first_});
    TrustedIssuer issuer{.name = "acme", .issuer = "https://id.example"};
    issuer.jwks_url = "https://id.example/jwks";
    verifier_ = *TrustedVerifier::make({issuer}, "https://own.example", &web_, clock_);
  }
  ~KeySetTest() override {
    web_.release();
    spawn(verifier_->stop());
    loop_.run_until_idle();
  }
  std::string token(const Key& key) const {
    const auto exp = unix_seconds(clock_.wall()) + 100'000;
    return signed_by(key, fmt::format(R"({{"iss":"https://id.example","sub":"u","exp":{}}})", exp));
  }
  Errc sync(const Key& key) const {
    const auto claims = verifier_->verify(token(key), clock_.wall());
    return claims ? kAccepted : claims.error().code;
  }
  Errc async(const Key& key) {
    const auto claims = loop_.run(verifier_->verify_async(token(key)));
    return claims ? kAccepted : claims.error().code;
  }

  static constexpr Errc kAccepted = Errc::internal;
  ManualClock clock_;
  ManualLoop loop_{clock_};
  TestIssuer web_;
  const Key first_ = Key::generate(Algorithm::es256);
  const Key second_ = Key::generate(Algorithm::eddsa);
  std::unique_ptr<TrustedVerifier> verifier_;
};

TEST_F(KeySetTest, TheFirstTokenFetchesTheKeys) {
  EXPECT_EQ(sync(first_), Errc::temporarily_unavailable);
  EXPECT_EQ(web_.asked, 0) << "looking does not fetch";
  EXPECT_EQ(async(first_), kAccepted);
  EXPECT_EQ(web_.last_url, "https://id.example/jwks");
  EXPECT_EQ(sync(first_), kAccepted);
  EXPECT_EQ(web_.asked, 1);
}

TEST_F(KeySetTest, AnUnknownKeyFetchesAtABoundedRate) {
  EXPECT_EQ(async(first_), kAccepted);
  web_.publish({first_, second_});
  EXPECT_EQ(sync(second_), Errc::token_key_unknown) << "fetched a moment ago";
  EXPECT_EQ(async(second_), Errc::token_key_unknown);
  clock_.advance(seconds{29});
  EXPECT_EQ(async(second_), Errc::token_key_unknown);
  clock_.advance(seconds{1});
  EXPECT_EQ(sync(second_), Errc::temporarily_unavailable) << "a fetch may tell";
  EXPECT_EQ(async(second_), kAccepted);
  EXPECT_EQ(sync(first_), kAccepted);
  EXPECT_EQ(web_.asked, 2);
  // Keys that nobody has ask no oftener.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(async(Key::generate(Algorithm::eddsa)), Errc::token_key_unknown);
  EXPECT_EQ(web_.asked, 2);
}

Task<void> keep(TrustedVerifier& verifier, std::string token, std::vector<bool>& into) {
  const auto claims = co_await verifier.verify_async(std::move(token));
  into.push_back(claims.has_value());
}

TEST_F(KeySetTest, ManyTokensWaitForOneFetch) {
  web_.hold = true;
  std::vector<bool> outcomes;
  for (int i = 0; i < 1100; ++i) spawn(keep(*verifier_, token(first_), outcomes));
  loop_.run_until_idle();
  EXPECT_EQ(outcomes.size(), 1100u - 1024u) << "over the bound nobody waits";
  EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), true), 0);
  web_.release();
  loop_.run_until_idle();
  EXPECT_EQ(outcomes.size(), 1100u);
  EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), true), 1024);
  EXPECT_EQ(web_.asked, 1);
}

TEST_F(KeySetTest, ItIsFetchedAgainInTime) {
  web_.cache_control = "max-age=120";
  verifier_->start(loop_);
  loop_.run_until_idle();
  EXPECT_EQ(sync(first_), kAccepted);
  web_.publish({second_});
  for (int i = 0; i < 23; ++i) loop_.advance(seconds{5});
  EXPECT_EQ(web_.asked, 1);
  loop_.advance(seconds{5});
  EXPECT_EQ(web_.asked, 2);
  EXPECT_EQ(sync(first_), Errc::token_key_unknown) << "a key that was withdrawn";
  EXPECT_EQ(sync(second_), kAccepted);
}

TEST_F(KeySetTest, WhoCannotWaitGetsTheKeysSoon) {
  verifier_->start(loop_);
  loop_.run_until_idle();
  web_.publish({first_, second_});
  loop_.advance(seconds{31});
  EXPECT_EQ(web_.asked, 1);
  EXPECT_EQ(sync(second_), Errc::temporarily_unavailable);
  loop_.advance(seconds{5});
  EXPECT_EQ(sync(second_), kAccepted);
  EXPECT_EQ(web_.asked, 2);
}

TEST_F(KeySetTest, OldKeysStandForADayWhileTheIssuerIsDown) {
  verifier_->start(loop_);
  loop_.run_until_idle();
  web_.error = fail(Errc::outbound_failed, "down");
  for (int i = 0; i < 23; ++i) loop_.advance(hours{1});
  EXPECT_EQ(sync(first_), kAccepted);
  EXPECT_GT(web_.asked, 10);
  loop_.advance(hours{1});
  EXPECT_EQ(sync(first_), Errc::temporarily_unavailable);
  web_.error.reset();
  loop_.advance(minutes{2});
  EXPECT_EQ(sync(first_), kAccepted);
}

TEST_F(KeySetTest, BadRepliesLeaveTheOldKeys) {
  EXPECT_EQ(async(first_), kAccepted);
  const std::pair<unsigned, std::string> replies[] = {
      {404, web_.body},
      {302, web_.body},
      {200, "<html>"},
      {200, R"({"keys":[]})"},
      {200, ""},
      {200,
       R"({"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1)"
       R"(Z9CAow"}]})"}};
  for (const auto& [status, body] : replies) {
    web_.status = status;
    web_.body = body;
    clock_.advance(seconds{31});
    EXPECT_EQ(async(second_), Errc::token_key_unknown) << body;
    EXPECT_EQ(sync(first_), kAccepted) << body;
  }
  EXPECT_EQ(web_.asked, 7);
}

TEST_F(KeySetTest, TheRateIsItsOwnToKeep) {
  KeySet set("acme", "https://id.example/jwks", web_, clock_);
  const auto refresh = [&] {
    spawn(set.refreshed());
    loop_.run_until_idle();
  };
  for (int i = 0; i < 5; ++i) refresh();
  EXPECT_EQ(web_.asked, 1);
  EXPECT_FALSE(set.may_fetch());
  clock_.advance(kFetchPauseMin);
  EXPECT_TRUE(set.may_fetch());
  refresh();
  EXPECT_EQ(web_.asked, 2);
}

TEST_F(KeySetTest, WhereTheIssuerNeverAnsweredOnlyTimeCanTell) {
  web_.error = fail(Errc::outbound_failed, "down");
  EXPECT_EQ(async(first_), Errc::temporarily_unavailable);
  EXPECT_EQ(async(first_), Errc::temporarily_unavailable);
  EXPECT_EQ(web_.asked, 1);
}

TEST_F(KeySetTest, StopWaitsForTheFetchUnderWay) {
  web_.hold = true;
  verifier_->start(loop_);
  bool stopped = false;
  spawn(verifier_->stop(), [&stopped] { stopped = true; });
  loop_.run_until_idle();
  EXPECT_FALSE(stopped);
  web_.release();
  loop_.run_until_idle();
  EXPECT_TRUE(stopped);
  loop_.advance(hours{2});
  EXPECT_EQ(web_.asked, 1);
}

TEST_F(KeySetTest, ASuccessorSharesTheKeysAndGoesOn) {
  verifier_->start(loop_);
  loop_.run_until_idle();
  ASSERT_EQ(sync(first_), kAccepted);
  ASSERT_EQ(web_.asked, 1);

  TrustedIssuer same{.name = "acme", .issuer = "https://id.example"};
  same.jwks_url = "https://id.example/jwks";
  auto next = *TrustedVerifier::make({same}, "https://own.example", &web_, clock_, verifier_.get());
  next->start(loop_);
  spawn(verifier_->stop(next.get()));
  loop_.run_until_idle();
  verifier_.swap(next);
  EXPECT_EQ(sync(first_), kAccepted);
  EXPECT_EQ(web_.asked, 1);

  // The set that both share is fetched further on.
  web_.publish({second_});
  clock_.advance(std::chrono::minutes{11});
  loop_.run_until_idle();
  EXPECT_EQ(web_.asked, 2);
  EXPECT_EQ(sync(second_), kAccepted);

  // One of another address is not shared.
  same.jwks_url = "https://id.example/other";
  auto other = *TrustedVerifier::make({same}, "https://own.example", &web_, clock_, verifier_.get());
  spawn(verifier_->stop(other.get()));
  loop_.run_until_idle();
  verifier_.swap(other);
  EXPECT_EQ(async(second_), kAccepted);
  EXPECT_EQ(web_.last_url, "https://id.example/other");
}

}  // namespace
}  // namespace gatecast::token
