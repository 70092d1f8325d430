// After a restore: what was made before it to be used once may have been used, and is refused.
#include "adapters/sqlite/restore.hpp"
#include "session/sessions_fixture.hpp"

namespace gatecast::session {
namespace {

class RestoredTest : public SessionsTest {
 protected:
  /// The store as it is now, put in place of itself at this moment.
  void restore() {
    const std::string copy = folder_.database() + ".copy";
    ASSERT_TRUE(loop_.run(store_->backup(copy)).has_value());
    let_go(std::move(sessions_));
    store_->stop();
    store_.reset();
    ASSERT_TRUE(sqlite::restore(copy, folder_.database(), clock_.wall()).has_value());
    store_ = std::move(*sqlite::SqliteStore::open(folder_.database(), {.clock = &clock_}));
    sessions_ = make();
    ASSERT_TRUE(loop_.run(sessions_->load()).has_value());
  }
};

TEST_F(RestoredTest, AChallengeFromBeforeIsOver) {
  const WalletSignIn before = proof(wallet_);
  clock_.advance(std::chrono::seconds{2});
  restore();
  EXPECT_EQ(code(sign_in(before)), Errc::nonce_expired);
  clock_.advance(std::chrono::seconds{1});
  EXPECT_TRUE(sign_in(proof(wallet_)).has_value());
}

TEST_F(RestoredTest, ATicketFromBeforeIsOver) {
  const Tokens tokens = signed_in(wallet_);
  const Result<Caller> caller = sessions_->authenticate(tokens.access);
  ASSERT_TRUE(caller.has_value());
  const std::string before = sessions_->ticket(*caller);
  clock_.advance(std::chrono::seconds{2});
  restore();
  EXPECT_EQ(code(loop_.run(sessions_->redeem(before))), Errc::ticket_expired);
  clock_.advance(std::chrono::seconds{1});
  EXPECT_TRUE(loop_.run(sessions_->redeem(sessions_->ticket(*sessions_->authenticate(tokens.access)))).has_value());
}

TEST_F(RestoredTest, SessionsOfTheCopyStandAndRenew) {
  const Tokens tokens = signed_in(wallet_);
  restore();
  EXPECT_TRUE(sessions_->authenticate(tokens.access).has_value());
  EXPECT_TRUE(loop_.run(sessions_->renew(tokens.refresh, kClient)).has_value());
}

}  // namespace
}  // namespace gatecast::session
