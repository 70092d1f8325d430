// Access tokens for access tokens, tickets and revocation, over a real store and with time that moves when told.
#include "broker/memory_nodes.hpp"
#include "session/sessions_fixture.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

class AccessRenewal : public SessionsTest {
 protected:
  Result<Caller> redeem(std::string ticket, Sessions* sessions = nullptr) {
    Sessions& at = sessions != nullptr ? *sessions : *sessions_;
    return loop_.run(at.redeem(std::move(ticket)));
  }
  Result<Tokens> reissue(std::string access) { return loop_.run(sessions_->reissue(std::move(access), kClient)); }
  std::optional<Errc> revoked(std::string token) {
    return code(loop_.run(sessions_->revoke(std::move(token), kClient.ip)));
  }
  std::string ticket_of(const Tokens& tokens) { return sessions_->ticket(*sessions_->authenticate(tokens.access)); }
};

TEST_F(AccessRenewal, ATicketIsItsCallerOnce) {
  const Tokens tokens = signed_in(wallet_);
  const Caller caller = *sessions_->authenticate(tokens.access);
  const std::string ticket = sessions_->ticket(caller);
  const auto redeemed = redeem(ticket);
  ASSERT_TRUE(redeemed.has_value());
  EXPECT_EQ(redeemed->user_id, caller.user_id);
  EXPECT_EQ(redeemed->sid, caller.sid);
  EXPECT_EQ(redeemed->claims.exp, caller.claims.exp);
  EXPECT_EQ(redeemed->claims.gen, caller.claims.gen);
  EXPECT_EQ(redeemed->claims.extra_json, caller.claims.extra_json);
  EXPECT_EQ(code(redeem(ticket)), Errc::ticket_used);
}

TEST_F(AccessRenewal, ATicketIsUsedUpForEveryProcessAndBeyondARestart) {
  const std::string ticket = ticket_of(signed_in(wallet_));
  ASSERT_TRUE(redeem(ticket).has_value());
  auto other = make();
  ASSERT_TRUE(loop_.run(other->load()).has_value());
  EXPECT_EQ(code(redeem(ticket, other.get())), Errc::ticket_used);
  let_go(std::move(other));
}

TEST_F(AccessRenewal, OfSeveralNodesATicketBearsClocksAMinuteApart) {
  broker::MemoryNet net;
  broker::MemoryNodes nodes(net, {"b", "b", "1"}, clock_);
  auto made = Sessions::make(default_options(), kKeys, {*store_, clock_, issuer_, verifier_, nullptr, nullptr, &nodes});
  ASSERT_TRUE(made.has_value());
  const Tokens tokens = signed_in(wallet_);
  std::string ticket = ticket_of(tokens);
  clock_.step_wall(std::chrono::seconds{119});
  EXPECT_TRUE(redeem(ticket, made->get()).has_value());
  EXPECT_EQ(code(redeem(ticket, made->get())), Errc::ticket_used);
  // Who removes what was used up has a clock that is ahead.
  ASSERT_TRUE(loop_.run(store_->prune(clock_.wall() + std::chrono::seconds{60} - kClockSkewMax, {}, {})).has_value());
  EXPECT_EQ(code(redeem(ticket, made->get())), Errc::ticket_used);
  ticket = ticket_of(tokens);
  clock_.step_wall(std::chrono::seconds{120});
  EXPECT_EQ(code(redeem(ticket, made->get())), Errc::ticket_expired);
}

TEST_F(AccessRenewal, ATicketEndsAfterAMinuteAndWithItsToken) {
  auto options = default_options();
  options.access_ttl = 30s;
  auto brief = make(options);
  ASSERT_TRUE(loop_.run(brief->load()).has_value());
  const std::string late = ticket_of(signed_in(wallet_));
  const Tokens tokens = *loop_.run(brief->sign_in_wallet(proof(wallet_), kClient));
  const std::string outlived = brief->ticket(*brief->authenticate(tokens.access));
  clock_.advance(31s);
  EXPECT_EQ(code(redeem(outlived, brief.get())), Errc::token_expired);
  clock_.advance(29s);
  EXPECT_EQ(code(redeem(late)), Errc::ticket_expired);
  let_go(std::move(brief));
}

TEST_F(AccessRenewal, ATicketOfAnEndedSessionSaysWhyAndIsOver) {
  const Tokens tokens = signed_in(wallet_);
  const std::string ticket = ticket_of(tokens);
  ASSERT_TRUE(loop_.run(sessions_->end(tokens.session.sid, Errc::ended_by_operator, "")).has_value());
  EXPECT_EQ(code(redeem(ticket)), Errc::ended_by_operator);
}

TEST_F(AccessRenewal, AReissuedTokenIsOfTheSameSessionAndGenerationAndEndsWithIt) {
  auto options = default_options();
  options.access_ttl = 1h;
  options.absolute_ttl = 2h;
  auto sessions = make(options);
  ASSERT_TRUE(loop_.run(sessions->load()).has_value());
  Tokens tokens = *loop_.run(sessions->sign_in_wallet(proof(wallet_), kClient));
  const auto session_end = tokens.refresh_expires_at;
  for (int i = 0; i < 3; ++i) {
    clock_.advance(35min);
    const auto next = loop_.run(sessions->reissue(tokens.access, kClient));
    ASSERT_TRUE(next.has_value()) << i << info(next.error().code).name;
    EXPECT_TRUE(next->refresh.empty());
    EXPECT_EQ(next->session.sid, tokens.session.sid);
    EXPECT_EQ(next->session.gen, 1U);
    EXPECT_LE(next->expires_at, session_end);
    tokens.access = next->access;
  }
  clock_.advance(15min);
  EXPECT_FALSE(loop_.run(sessions->reissue(tokens.access, kClient)).has_value());
  let_go(std::move(sessions));
}

TEST_F(AccessRenewal, AReissuedTokenDoesNotSayThatALostRefreshTokenArrived) {
  const Tokens first = signed_in(wallet_);
  clock_.advance(1min);
  const auto lost = loop_.run(sessions_->renew(first.refresh, kClient));
  ASSERT_TRUE(lost.has_value());
  const auto access = reissue(first.access);
  ASSERT_TRUE(access.has_value());
  clock_.advance(5min);
  // Minutes without upkeep: only the store can say.
  const auto caller = loop_.run(sessions_->authenticate_at_store(access->access));
  ASSERT_TRUE(caller.has_value());
  sessions_->seen(*caller);
  const auto again = loop_.run(sessions_->renew(first.refresh, kClient));
  ASSERT_TRUE(again.has_value()) << info(again.error().code).name;
  EXPECT_EQ(again->refresh, lost->refresh);
}

TEST_F(AccessRenewal, AnEndingIsKnownAfterARestartAsLongAsAVariantsTokenLives) {
  auto options = default_options();
  options.access_ttl = 60s;
  options.variants = *Variants::make({{"long", 1, 7 * 24h}});
  auto first = make(options);
  ASSERT_TRUE(loop_.run(first->load()).has_value());
  const Tokens tokens = *loop_.run(first->sign_in_wallet(proof(wallet_), kClient));
  EXPECT_EQ(tokens.expires_in, 7 * 86'400);
  ASSERT_TRUE(loop_.run(first->end(tokens.session.sid, Errc::signed_out, "")).has_value());
  clock_.advance(3 * 24h);
  EXPECT_EQ(authenticated(*first, tokens.access), Errc::signed_out);
  let_go(std::move(first));
  auto second = make(options);
  ASSERT_TRUE(loop_.run(second->load()).has_value());
  EXPECT_EQ(authenticated(*second, tokens.access), Errc::signed_out);
  let_go(std::move(second));
}

TEST_F(AccessRenewal, RevocationEndsTheSessionOfEitherTokenAndOfNoOther) {
  const Tokens other = signed_in(wallet_);
  for (const bool by_refresh : {false, true}) {
    const Tokens tokens = signed_in(wallet_);
    EXPECT_EQ(revoked(by_refresh ? tokens.refresh : tokens.access), std::nullopt);
    EXPECT_EQ(authenticated(*sessions_, tokens.access), Errc::signed_out);
    EXPECT_EQ(revoked(tokens.access), std::nullopt);
  }
  for (const std::string& unknown : {std::string("x"), other.access + "x", other.refresh.substr(1)}) {
    EXPECT_EQ(revoked(unknown), std::nullopt);
  }
  EXPECT_EQ(authenticated(*sessions_, other.access), std::nullopt);
}

}  // namespace
}  // namespace gatecast::session
