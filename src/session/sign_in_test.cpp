#include "session/sessions_fixture.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

TEST_F(SessionsTest, FirstSignInMakesUserAndSession) {
  const Tokens tokens = signed_in(wallet_);
  EXPECT_TRUE(tokens.created);
  EXPECT_EQ(tokens.user.id.size(), 20U);
  EXPECT_EQ(tokens.user.ref_code.size(), 8U);
  EXPECT_EQ(tokens.subject, wallet_.address());
  EXPECT_EQ(tokens.expires_in, 1800);
  EXPECT_EQ(tokens.expires_at, clock_.wall() + 1800s);
  EXPECT_EQ(tokens.session.ip, "192.0.2.7");
  EXPECT_EQ(tokens.session.user_agent, "test/1.0");
  EXPECT_EQ(tokens.session.how, "solana");
  EXPECT_EQ(tokens.session.expires_at, clock_.wall() + std::chrono::days{30});
  EXPECT_EQ(tokens.session.absolute_expires_at, clock_.wall() + std::chrono::days{180});
  EXPECT_EQ(tokens.refresh_expires_at, tokens.session.expires_at);
  EXPECT_EQ(sessions_->stats().sign_ins.load(), 1U);
  EXPECT_EQ(sessions_->stats().users_created.load(), 1U);

  Result<Caller> caller = sessions_->authenticate(tokens.access);
  ASSERT_TRUE(caller.has_value()) << info(caller.error().code).name;
  EXPECT_EQ(caller->user_id, tokens.user.id);
  EXPECT_EQ(caller->sid, tokens.session.sid);
  EXPECT_EQ(caller->claims.gen, 1U);
  std::optional<token::JsonObject> extra = token::JsonObject::parse(caller->claims.extra_json);
  ASSERT_TRUE(extra.has_value());
  EXPECT_EQ(token::json_string(*extra->find("userId")), tokens.user.id);
  EXPECT_EQ(token::json_string(*extra->find("wallet")), wallet_.address());

  Result<store::SessionView> view = loop_.run(sessions_->session(*caller));
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->subject, wallet_.address());
  EXPECT_EQ(view->user.id, tokens.user.id);
}

TEST_F(SessionsTest, SecondSignInIsTheSameUserInAnotherSession) {
  const Tokens first = signed_in(wallet_);
  const Tokens second = signed_in(wallet_);
  EXPECT_EQ(second.user.id, first.user.id);
  EXPECT_FALSE(second.created);
  EXPECT_NE(second.session.sid, first.session.sid);
  EXPECT_NE(signed_in(TestWallet{}).user.id, first.user.id);
}

TEST_F(SessionsTest, TheReferrerIsRecordedOnce) {
  const Tokens referrer = signed_in(TestWallet{});
  WalletSignIn invited = proof(wallet_);
  invited.ref_code = referrer.user.ref_code;
  EXPECT_EQ(sign_in(invited)->user.referrer, referrer.user.id);
  WalletSignIn again = proof(wallet_);
  again.ref_code = signed_in(TestWallet{}).user.ref_code;
  EXPECT_EQ(sign_in(again)->user.referrer, referrer.user.id);
}

TEST_F(SessionsTest, AProofSignsInOnce) {
  const WalletSignIn once = proof(wallet_);
  ASSERT_TRUE(sign_in(once).has_value());
  EXPECT_EQ(code(sign_in(once)), Errc::nonce_used);
  EXPECT_EQ(sessions_->stats().refused_count(Errc::nonce_used), 1U);
  clock_.advance(6min);
  EXPECT_EQ(code(sign_in(once)), Errc::message_expired);
}

TEST_F(SessionsTest, RacingReplaysSignInOnce) {
  const WalletSignIn once = proof(wallet_);
  int good = 0;
  int done = 0;
  const auto attempt = [](Sessions& sessions, WalletSignIn p, int& won) -> Task<void> {
    Result<Tokens> tokens = co_await sessions.sign_in_wallet(std::move(p), kClient);
    if (tokens.has_value()) ++won;
  };
  for (int i = 0; i < 20; ++i) spawn(attempt(*sessions_, once, good), [&done] { ++done; });
  EXPECT_TRUE(settles([&] { return done == 20; }));
  EXPECT_EQ(good, 1);
}

TEST_F(SessionsTest, WhatProvesNothingIsRefused) {
  WalletSignIn unsigned_proof = proof(wallet_);
  unsigned_proof.signature.clear();
  EXPECT_EQ(code(sign_in(unsigned_proof)), Errc::challenge_required);
  WalletSignIn no_message = proof(wallet_);
  no_message.message.clear();
  EXPECT_EQ(code(sign_in(no_message)), Errc::challenge_required);
  WalletSignIn other_chain = proof(wallet_);
  other_chain.chain = "bitcoin";
  EXPECT_EQ(code(sign_in(other_chain)), Errc::chain_unsupported);
  WalletSignIn switched_off = proof(wallet_);
  switched_off.chain = "ethereum";
  EXPECT_EQ(code(sign_in(switched_off)), Errc::signin_disabled);
  WalletSignIn stolen = proof(wallet_);
  stolen.address = TestWallet{}.address();
  EXPECT_EQ(code(sign_in(stolen)), Errc::signature_invalid);
}

TEST_F(SessionsTest, NoncesOfOtherKeysAndPurposesAreRefused) {
  EXPECT_EQ(code(sign_in(proof(wallet_, {.chain = "solana", .purpose = Purpose::link}))), Errc::nonce_purpose);

  const TestWallet other;
  WalletSignIn moved = proof(wallet_);  // the same text, but for another address: the nonce is bound to the first
  const std::size_t at = moved.message.find(wallet_.address());
  moved.message.replace(at, wallet_.address().size(), other.address());
  moved.address = other.address();
  moved.signature = other.sign(moved.message);
  EXPECT_EQ(code(sign_in(moved)), Errc::nonce_invalid);

  WalletSignIn invented = proof(wallet_);
  const std::size_t nonce = invented.message.find("Nonce: ") + 7;
  invented.message.replace(nonce, invented.message.find('\n', nonce) - nonce, "12345678abcdefgh");
  invented.signature = wallet_.sign(invented.message);
  EXPECT_EQ(code(sign_in(invented)), Errc::nonce_invalid);
}

TEST_F(SessionsTest, AChallengeWithoutAddressSignsInWhoeverSigns) {
  Result<Challenge> challenge = sessions_->challenge({.chain = "solana"});
  ASSERT_TRUE(challenge.has_value());
  const std::string text = fmt::format(
      "example.com wants you to sign in with your Solana account:\n{}\n\nURI: https://example.com\n"
      "Version: 1\nNonce: {}\nIssued At: 2027-01-15T08:00:00Z",
      wallet_.address(), challenge->input.nonce);
  EXPECT_TRUE(
      sign_in(
          {.chain = "solana", .address = wallet_.address(), .signed_message = text, .signature = wallet_.sign(text)})
          .has_value());
}

TEST_F(SessionsTest, ABlockedUserCannotSignIn) {
  const Tokens tokens = signed_in(wallet_);
  sqlite::Database db = sqlite::look_into(folder_.database());
  ASSERT_TRUE(db.run("UPDATE users SET blocked = 1 WHERE id = ?", tokens.user.id).has_value());
  EXPECT_EQ(code(sign_in(proof(wallet_))), Errc::user_blocked);
}

TEST_F(SessionsTest, AnAccessTokenEndsWithItsSession) {
  SessionOptions options = default_options();
  options.rotation.refresh_ttl = 1800s;
  auto sessions = make(options);
  clock_.advance(700ms);
  Result<Tokens> tokens = loop_.run(sessions->sign_in_wallet(proof(wallet_), kClient));
  ASSERT_TRUE(tokens.has_value());
  EXPECT_LE(tokens->expires_at, tokens->session.expires_at);
  clock_.advance(1800s);
  EXPECT_EQ(authenticated(*sessions_, tokens->access), Errc::token_expired);
  let_go(std::move(sessions));
}

}  // namespace
}  // namespace gatecast::session
