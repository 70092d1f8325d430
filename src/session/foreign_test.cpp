// Tokens of trusted issuers in the hands of Sessions.
#include "broker/memory_nodes.hpp"
#include "session/sessions_fixture.hpp"
#include "token/test_issuer.hpp"

namespace gatecast::session {
namespace {

constexpr std::string_view kIss = "https://id.example";

TEST(ForeignSessionsTable, EndsUntilTheTokenIsOver) {
  const WallTime now{std::chrono::seconds{1'800'000'000}};
  const std::chrono::seconds minute{60};
  ForeignSessions table(2);
  table.note("x:a:1", "a:u", now + minute);
  EXPECT_EQ(table.ended("x:a:1", now), std::nullopt);
  const auto known = table.end("x:a:1", Errc::ended_by_operator, now);
  ASSERT_TRUE(known);
  EXPECT_TRUE(known->now);
  EXPECT_EQ(known->user_id, "a:u");
  EXPECT_EQ(table.ended("x:a:1", now), Errc::ended_by_operator);
  const auto again = table.end("x:a:1", Errc::signed_out, now);
  EXPECT_FALSE(again->now);
  EXPECT_EQ(again->reason, Errc::ended_by_operator);
  EXPECT_EQ(table.ended("x:a:1", now + minute), std::nullopt);

  EXPECT_EQ(table.end("x:a:2", Errc::ended_by_operator, now)->user_id, "") << "never seen";
  EXPECT_EQ(table.ended("x:a:2", now + minute), Errc::ended_by_operator);
  const auto full = table.end("x:a:3", Errc::ended_by_operator, now);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::overloaded);
  table.reclaim(now + minute);
  EXPECT_EQ(table.seen_count(), 0u);
  EXPECT_EQ(table.ended_count(), 1u);
  for (int i = 0; i < 5; ++i) table.note(fmt::format("x:b:{}", i), "b:u", now + minute);
  EXPECT_EQ(table.seen_count(), 2u) << "bounded";
}

class ForeignTest : public SessionsTest {
 protected:
  ForeignTest() {
    token::TrustedIssuer fixed{.name = "acme", .issuer = std::string(kIss)};
    fixed.keys = {{key_, false}};
    token::TrustedIssuer same{.name = "twin", .issuer = "https://twin.example"};
    same.keys = {{key_, false}};
    same.subject = token::SubjectRule::same;
    token::TrustedIssuer web{.name = "web", .issuer = "https://web.example"};
    web.jwks_url = "https://web.example/jwks";
    web_.publish({key_});
    trusted_ = *token::TrustedVerifier::make({fixed, same, web}, "https://example.com", &web_, clock_);
    auto made =
        Sessions::make(default_options(), kKeys, {*store_, clock_, issuer_, verifier_, nullptr, trusted_.get()});
    EXPECT_TRUE(made.has_value());
    trusting_ = std::move(*made);
    running_.push_back(trusting_.get());
    EXPECT_TRUE(loop_.run(trusting_->load()).has_value());
  }
  ~ForeignTest() override { let_go(std::move(trusting_)); }

  std::string token(std::string_view iss = kIss, std::string_view sub = "u1", std::string_view jti = "j1",
                    std::string_view more = "") const {
    return token::signed_by(key_, fmt::format(R"({{"iss":"{}","sub":"{}","jti":"{}","exp":{}{}}})", iss, sub, jti,
                                              unix_seconds(clock_.wall()) + 600, more));
  }

  std::unique_ptr<Sessions> trusting(broker::Nodes* nodes) {
    auto made =
        Sessions::make(default_options(), kKeys, {*store_, clock_, issuer_, verifier_, nullptr, trusted_.get(), nodes});
    EXPECT_TRUE(made.has_value());
    running_.push_back(made->get());
    return std::move(*made);
  }
  std::string long_token() const {
    return token::signed_by(key_, fmt::format(R"({{"iss":"{}","sub":"u1","jti":"long","exp":{}}})", kIss,
                                              unix_seconds(clock_.wall()) + 86'400 * 5));
  }
  /// Lets time go by until it is so, the store answering in between.
  bool until(const std::function<bool()>& so) {
    for (int i = 0; i < 500 && !so(); ++i) {
      loop_.advance(std::chrono::milliseconds{20});
      EXPECT_TRUE(loop_.run(store_->ping()).has_value());
      EXPECT_TRUE(loop_.run(store_->control_log(0, 1)).has_value());
    }
    return so();
  }

  const token::Key key_ = token::Key::generate(token::Algorithm::es256);
  token::TestIssuer web_;
  std::unique_ptr<token::TrustedVerifier> trusted_;
  std::unique_ptr<Sessions> trusting_;
};

TEST_F(ForeignTest, ATrustedTokenIsACallerOfItsOwnKind) {
  const auto caller = trusting_->authenticate(token(kIss, "u1", "j1", R"(,"sid":"of theirs")"));
  ASSERT_TRUE(caller.has_value()) << caller.error().detail;
  EXPECT_TRUE(caller->foreign);
  EXPECT_EQ(caller->issuer, "acme");
  EXPECT_EQ(caller->user_id, "acme:u1");
  EXPECT_EQ(caller->sid, "x:acme:j1");
  const auto view = loop_.run(trusting_->session(*caller));
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->session.how, "trusted:acme");
  EXPECT_EQ(view->session.sid, "x:acme:j1");
  EXPECT_EQ(view->user.id, "acme:u1");
}

TEST_F(ForeignTest, WithoutTrustNothingChanges) {
  EXPECT_NE(authenticated(*sessions_, token()), std::nullopt);
  EXPECT_EQ(authenticated(*trusting_, token("https://stranger.example")), authenticated(*sessions_, token()));
  EXPECT_EQ(authenticated(*trusting_, "nonsense"), Errc::token_malformed);
}

TEST_F(ForeignTest, UnderOurIssuerNoTrustedKeyCounts) {
  EXPECT_NE(authenticated(*trusting_, token("https://example.com")), std::nullopt);
  // Nor does our key under theirs.
  const auto ours = token::signed_by(
      ring_.active(), fmt::format(R"({{"iss":"{}","sub":"u","exp":{}}})", kIss, unix_seconds(clock_.wall()) + 600));
  EXPECT_EQ(authenticated(*trusting_, ours), Errc::token_algorithm);
}

TEST_F(ForeignTest, OwnTokensAreNotForeign) {
  const auto tokens = loop_.run(trusting_->sign_in_wallet(proof(wallet_), kClient));
  ASSERT_TRUE(tokens.has_value());
  const auto caller = trusting_->authenticate(tokens->access);
  ASSERT_TRUE(caller.has_value());
  EXPECT_FALSE(caller->foreign);
}

TEST_F(ForeignTest, AnEndedOneStaysEndedUntilItIsOver) {
  std::vector<Ending> told;
  trusting_->on_ended([&told](const Ending& ending) { told.push_back(ending); });
  const std::string mine = token();
  const auto caller = trusting_->authenticate(mine);
  ASSERT_TRUE(caller.has_value());
  const auto ended = loop_.run(trusting_->end(caller->sid, Errc::ended_by_operator, ""));
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->now);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].sid, "x:acme:j1");
  EXPECT_EQ(told[0].user_id, "acme:u1");
  EXPECT_EQ(authenticated(*trusting_, mine), Errc::ended_by_operator);
  EXPECT_EQ(code(loop_.run(trusting_->authenticate_at_store(mine))), Errc::ended_by_operator);
  EXPECT_EQ(trusting_->standing(*caller).kind, Standing::Kind::ended);
  EXPECT_EQ(authenticated(*trusting_, token(kIss, "u1", "j2")), std::nullopt) << "another session of the user";
  EXPECT_TRUE(loop_.run(trusting_->end(caller->sid, Errc::signed_out, "")).has_value());
  EXPECT_EQ(told.size(), 1u) << "told once";
}

TEST_F(ForeignTest, WhatWasEndedStaysSoAfterAStart) {
  const std::string mine = long_token();
  const auto caller = trusting_->authenticate(mine);
  ASSERT_TRUE(caller.has_value());
  ASSERT_TRUE(loop_.run(trusting_->end(caller->sid, Errc::ended_by_operator, "")).has_value());
  clock_.advance(std::chrono::hours{20});  // longer than any token of ours lives
  auto another = trusting(nullptr);
  ASSERT_TRUE(loop_.run(another->load()).has_value());
  EXPECT_EQ(authenticated(*another, mine), Errc::ended_by_operator);
  let_go(std::move(another));
}

TEST_F(ForeignTest, WhatIsEndedOnOneNodeIsEndedOnAll) {
  broker::MemoryNet net;
  broker::MemoryNodes nodes_a(net, {"a", "a", "1"}, clock_), nodes_b(net, {"b", "b", "1"}, clock_);
  auto a = trusting(&nodes_a), b = trusting(&nodes_b);
  for (auto* nodes : {&nodes_a, &nodes_b}) nodes->start(loop_, [] { return std::string("{}"); });
  ASSERT_TRUE(loop_.run(a->load()).has_value());
  ASSERT_TRUE(loop_.run(b->load()).has_value());
  std::vector<Ending> told;
  b->on_ended([&told](const Ending& ending) { told.push_back(ending); });
  const std::string mine = long_token();
  ASSERT_TRUE(until([&] { return !authenticated(*b, mine) && !authenticated(*a, mine); })) << "leave to decide";

  bool answered = false;
  const auto end = [](Sessions& at, bool& done) -> Task<void> {
    const Result<store::Ended> ended = co_await at.end("x:acme:long", Errc::ended_by_operator, "");
    done = ended.has_value();
  };
  const SteadyTime began = clock_.steady();
  spawn(end(*a, answered));
  ASSERT_TRUE(until([&] { return answered; }));
  EXPECT_LT(clock_.steady() - began, std::chrono::milliseconds{900}) << "the other node has answered";
  EXPECT_EQ(authenticated(*b, mine), Errc::ended_by_operator);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].sid, "x:acme:long");
  EXPECT_EQ(told[0].user_id, "acme:u1");

  // Without the broker only a new reading of the log can say.
  net.cut("b");
  const std::string other = token();
  ASSERT_TRUE(until([&] { return authenticated(*b, other) == Errc::temporarily_unavailable; }));
  bool good = false;
  const auto ask = [](Sessions& at, std::string text, bool& done) -> Task<void> {
    const Result<Caller> caller = co_await at.authenticate_at_store(std::move(text));
    done = caller.has_value();
  };
  spawn(ask(*b, other, good));
  EXPECT_TRUE(until([&] { return good; }));
  let_go(std::move(a));
  let_go(std::move(b));
  for (auto* nodes : {&nodes_a, &nodes_b}) spawn(nodes->stop());
  loop_.run_until_idle();
}

TEST_F(ForeignTest, TheStoreIsNeverAskedAboutThem) {
  const auto before = trusting_->stats().asked_store.load();
  clock_.advance(std::chrono::hours{1});  // out of touch: only the store could say of a session of ours
  EXPECT_EQ(authenticated(*trusting_, token()), std::nullopt);
  trusting_->seen(*trusting_->authenticate(token()));
  EXPECT_EQ(trusting_->stats().asked_store.load(), before);
}

TEST_F(ForeignTest, NothingOfOursIsRenewedOrRevokedWithThem) {
  EXPECT_EQ(code(loop_.run(trusting_->reissue(token(), kClient))), Errc::session_foreign);
  EXPECT_EQ(authenticated(*trusting_, token()), std::nullopt);
}

TEST_F(ForeignTest, TheSubjectIsTakenAsItIsOnlyWhereConfigured) {
  EXPECT_EQ(trusting_->authenticate(token("https://twin.example", "abc"))->user_id, "abc");
  EXPECT_EQ(trusting_->authenticate(token(kIss, "abc"))->user_id, "acme:abc");
}

TEST_F(ForeignTest, KeysAreFetchedWhereOneCanWait) {
  const std::string fetched = token("https://web.example");
  EXPECT_EQ(authenticated(*trusting_, fetched), Errc::temporarily_unavailable);
  const auto caller = loop_.run(trusting_->authenticate_at_store(fetched));
  ASSERT_TRUE(caller.has_value()) << caller.error().detail;
  EXPECT_EQ(caller->user_id, "web:u1");
  EXPECT_EQ(authenticated(*trusting_, fetched), std::nullopt);
  EXPECT_EQ(web_.asked, 1);
}

}  // namespace
}  // namespace gatecast::session
