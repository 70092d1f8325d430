#include "session/identity_fixture.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

class LinkingTest : public IdentityTest {
 protected:
  std::string identity_of(const Tokens& tokens, std::string_view kind) {
    Result<store::UserView> view = loop_.run(sessions_->user(tokens.user.id));
    for (const store::IdentityRow& row : view->identities) {
      if (row.kind == kind) return row.id;
    }
    return "none";
  }
  Result<store::Unlinked> unlink(const Tokens& tokens, std::string id, std::optional<Proof> confirming = {}) {
    return loop_.run(sessions_->unlink(caller_of(tokens), std::move(id), std::move(confirming), kClient.ip));
  }
  std::optional<Errc> confirm(const Tokens& tokens, std::optional<Proof> proof) {
    return code(loop_.run(sessions_->confirm(caller_of(tokens), std::move(proof))));
  }
  std::size_t identities(const Tokens& tokens) { return loop_.run(sessions_->user(tokens.user.id))->identities.size(); }
};

TEST_F(LinkingTest, BothIdentitiesSignInToOneUser) {
  const Tokens tokens = signed_in(proof(wallet_));
  Result<store::Linked> linked = link(tokens, init_data(user_fields()));
  ASSERT_TRUE(linked.has_value()) << info(linked.error().code).name;
  EXPECT_TRUE(linked->now);
  EXPECT_EQ(linked->identity.subject, "7001");
  EXPECT_NE(linked->identity.profile.find("ada7001"), std::string::npos);
  clock_.advance(2s);
  EXPECT_EQ(signed_in(init_data(user_fields())).user.id, tokens.user.id);
  EXPECT_EQ(signed_in(proof(wallet_)).user.id, tokens.user.id);

  const TestWallet second;
  ASSERT_TRUE(link(tokens, link_proof(second)).has_value());
  EXPECT_EQ(signed_in(proof(second)).user.id, tokens.user.id);
  EXPECT_EQ(identities(tokens), 3U);
}

TEST_F(LinkingTest, TheProofsOfSigningInAndLinkingAreNotInterchangeable) {
  const Tokens tokens = signed_in(proof(wallet_));
  const TestWallet second;
  EXPECT_EQ(code(link(tokens, proof(second))), Errc::nonce_purpose);
  EXPECT_EQ(code(sign_in(link_proof(second))), Errc::nonce_purpose);
  const Proof once = link_proof(second);
  ASSERT_TRUE(link(tokens, once).has_value());
  EXPECT_EQ(code(link(tokens, once)), Errc::nonce_used);
  EXPECT_EQ(sessions_->stats().refused_count(Errc::nonce_used), 1U);
}

TEST_F(LinkingTest, InitDataCountsOnceWhateverItIsFor) {
  const Tokens tokens = signed_in(proof(wallet_));
  const Proof linked = init_data(user_fields());
  ASSERT_TRUE(link(tokens, linked).has_value());
  EXPECT_EQ(code(sign_in(linked)), Errc::initdata_replayed) << "not even for a minute: it made no session";
  // Once its account has let go of the identity, the data that signed in could be anybody's to link.
  const Proof used = init_data(user_fields(7002));
  const Tokens owner = signed_in(used);
  ASSERT_TRUE(link(owner, link_proof(TestWallet{})).has_value());
  ASSERT_TRUE(unlink(owner, identity_of(owner, "telegram")).has_value());
  EXPECT_EQ(code(link(tokens, used)), Errc::initdata_replayed);
}

TEST_F(LinkingTest, AnIdentityOfSomebodyElseIsNotTaken) {
  const Tokens owner = signed_in(init_data(user_fields()));
  const Tokens other = signed_in(proof(wallet_));
  clock_.advance(2s);
  const Proof contested = init_data(user_fields());
  EXPECT_EQ(code(link(other, contested)), Errc::identity_taken);
  EXPECT_EQ(identities(other), 1U);
  EXPECT_EQ(signed_in(contested).user.id, owner.user.id) << "the refusal has used nothing up";
}

TEST_F(LinkingTest, TheOwnIdentityAgainChangesNothing) {
  const Tokens tokens = signed_in(proof(wallet_));
  Result<store::Linked> again = link(tokens, link_proof(wallet_));
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->now);
  EXPECT_EQ(identities(tokens), 1U);
}

TEST_F(LinkingTest, AnOldSignInNeedsAProofOfALinkedIdentity) {
  const Tokens tokens = signed_in(proof(wallet_));
  clock_.advance(5min + 1s);
  const TestWallet added;
  EXPECT_EQ(code(link(tokens, link_proof(added))), Errc::fresh_signin_required);
  EXPECT_EQ(code(link(tokens, link_proof(added), proof(wallet_))), Errc::nonce_purpose);
  EXPECT_EQ(code(link(tokens, link_proof(added), link_proof(TestWallet{}))), Errc::proof_foreign);
  const Proof good = link_proof(wallet_);
  ASSERT_TRUE(link(tokens, link_proof(added), good).has_value());
  EXPECT_EQ(code(link(tokens, link_proof(TestWallet{}), good)), Errc::nonce_used);
  EXPECT_EQ(identities(tokens), 2U);
}

TEST_F(LinkingTest, AProofOfAnotherUserConfirmsNothingAndIsNotUsedUp) {
  const Tokens mine = signed_in(proof(wallet_));
  const TestWallet theirs;
  const Tokens other = signed_in(proof(theirs));
  const Proof shown = link_proof(theirs);
  EXPECT_EQ(confirm(mine, shown), Errc::proof_foreign);
  EXPECT_EQ(confirm(other, shown), std::nullopt);
  EXPECT_EQ(confirm(other, shown), Errc::nonce_used);
}

TEST_F(LinkingTest, OldInitDataIsNoFreshProof) {
  const Tokens tokens = signed_in(init_data(user_fields()));
  clock_.advance(1s);
  const Proof fresh_then = init_data(user_fields());
  clock_.advance(5min + 1s);
  EXPECT_EQ(confirm(tokens, std::nullopt), Errc::fresh_signin_required);
  EXPECT_EQ(confirm(tokens, fresh_then), Errc::fresh_signin_required);
  EXPECT_EQ(confirm(tokens, init_data(user_fields())), std::nullopt);
  EXPECT_EQ(confirm(tokens, init_data(user_fields())), Errc::initdata_replayed);
}

TEST_F(LinkingTest, UnlinkingEndsTheSessionsOfThatIdentityAlone) {
  const Tokens by_wallet = signed_in(proof(wallet_));
  ASSERT_TRUE(link(by_wallet, init_data(user_fields())).has_value());
  clock_.advance(2s);
  const Tokens by_telegram = signed_in(init_data(user_fields()));
  std::vector<Ending> told;
  sessions_->on_ended([&told](const Ending& ending) { told.push_back(ending); });
  Result<store::Unlinked> unlinked = unlink(by_wallet, identity_of(by_wallet, "telegram"));
  ASSERT_TRUE(unlinked.has_value()) << info(unlinked.error().code).name;
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().sid, by_telegram.session.sid);
  EXPECT_EQ(told.front().reason, Errc::identity_unlinked);
  EXPECT_EQ(authenticated(*sessions_, by_telegram.access), Errc::identity_unlinked);
  EXPECT_EQ(authenticated(*sessions_, by_wallet.access), std::nullopt);
  clock_.advance(2s);
  EXPECT_NE(signed_in(init_data(user_fields())).user.id, by_wallet.user.id) << "it is nobody's now";
}

TEST_F(LinkingTest, TheLastIdentityStays) {
  const Tokens tokens = signed_in(proof(wallet_));
  const Tokens other = signed_in(proof(TestWallet{}));
  EXPECT_EQ(code(unlink(tokens, identity_of(tokens, "solana"))), Errc::identity_last);
  const Proof shown = link_proof(wallet_);
  EXPECT_EQ(code(unlink(tokens, identity_of(tokens, "solana"), shown)), Errc::identity_last);
  EXPECT_EQ(code(unlink(tokens, identity_of(other, "solana"), shown)), Errc::not_found);
  EXPECT_EQ(confirm(tokens, shown), std::nullopt) << "the refusals have used nothing up";
  EXPECT_EQ(code(unlink(tokens, identity_of(other, "solana"))), Errc::not_found);
  EXPECT_EQ(code(unlink(tokens, "no-such-id")), Errc::not_found);
  ASSERT_TRUE(link(tokens, init_data(user_fields())).has_value());
  clock_.advance(5min + 1s);
  EXPECT_EQ(code(unlink(tokens, identity_of(tokens, "solana"))), Errc::fresh_signin_required);
  EXPECT_EQ(identities(tokens), 2U);
  EXPECT_TRUE(unlink(tokens, identity_of(tokens, "solana"), link_proof(wallet_)).has_value());
  EXPECT_EQ(authenticated(*sessions_, tokens.access), Errc::identity_unlinked) << "its own session went with it";
}

TEST_F(LinkingTest, LinkingLaterBringsNoReferrer) {
  const std::string code = signed_in(proof(TestWallet{})).user.ref_code;
  const Tokens tokens = signed_in(proof(wallet_));
  ASSERT_TRUE(link(tokens, init_data(user_fields(7001, "ref_" + code))).has_value());
  EXPECT_EQ(loop_.run(sessions_->user(tokens.user.id))->user.referrer, std::nullopt);
}

}  // namespace
}  // namespace gatecast::session
