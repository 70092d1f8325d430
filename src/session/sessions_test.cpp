#include <thread>

#include "session/sessions_fixture.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

TEST_F(SessionsTest, AnInventedSessionIsUnknownHoweverWellSigned) {
  const Tokens tokens = signed_in(wallet_);
  const SidKeys foreign = *SidKeys::make({{"x", Secret{std::string(32, 'x')}}});
  const std::string invented = *issuer_.mint(claims_for(tokens.user.id, foreign.issue(tokens.user.id)));
  EXPECT_EQ(authenticated(*sessions_, invented), Errc::session_unknown);
  const std::string borrowed = *issuer_.mint(claims_for("somebodyelse00000000", tokens.session.sid));
  EXPECT_EQ(authenticated(*sessions_, borrowed), Errc::session_unknown);
  const std::string plain = *issuer_.mint(claims_for(tokens.user.id, "not-a-session"));
  EXPECT_EQ(code(loop_.run(sessions_->authenticate_at_store(plain))), Errc::session_unknown);
  EXPECT_EQ(sessions_->stats().refused_count(Errc::session_unknown), 3U);
}

TEST_F(SessionsTest, AnEndedSessionIsRefusedAtOnce) {
  const Tokens tokens = signed_in(wallet_);
  const Tokens kept = signed_in(wallet_);
  std::vector<Ending> told;
  bool index_knew = false;
  sessions_->on_ended([&](const Ending& ending) {
    told.push_back(ending);
    index_knew = authenticated(*sessions_, tokens.access) == Errc::signed_out;
  });
  Result<store::Ended> ended = loop_.run(sessions_->end(tokens.session.sid, Errc::signed_out, "192.0.2.7"));
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->now);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].sid, tokens.session.sid);
  EXPECT_EQ(told[0].user_id, tokens.user.id);
  EXPECT_EQ(told[0].reason, Errc::signed_out);
  EXPECT_TRUE(index_knew);
  EXPECT_EQ(authenticated(*sessions_, tokens.access), Errc::signed_out);
  EXPECT_EQ(code(loop_.run(sessions_->authenticate_at_store(tokens.access))), Errc::signed_out);
  EXPECT_EQ(authenticated(*sessions_, kept.access), std::nullopt);
  EXPECT_EQ(sessions_->stats().ended_count(Errc::signed_out), 1U);
}

TEST_F(SessionsTest, EndingAgainChangesNothingAndTellsNobody) {
  const Tokens tokens = signed_in(wallet_);
  int told = 0;
  sessions_->on_ended([&](const Ending&) { ++told; });
  ASSERT_TRUE(loop_.run(sessions_->end(tokens.session.sid, Errc::signed_out, "")).has_value());
  Result<store::Ended> again = loop_.run(sessions_->end(tokens.session.sid, Errc::ended_by_operator, ""));
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->now);
  EXPECT_EQ(authenticated(*sessions_, tokens.access), Errc::signed_out);
  EXPECT_EQ(told, 1);
  loop_.advance(5s);
  EXPECT_TRUE(settles([&] { return sessions_->stats().control_rows.load() == 1; }));
  EXPECT_EQ(told, 1) << "the row of the control log is the ending made here";
}

TEST_F(SessionsTest, EachReasonIsWhatCallersAreTold) {
  for (Errc reason : {Errc::signed_out, Errc::ended_by_operator, Errc::user_blocked, Errc::session_limit,
                      Errc::session_expired, Errc::identity_unlinked}) {
    const Tokens tokens = signed_in(wallet_);
    ASSERT_TRUE(loop_.run(sessions_->end(tokens.session.sid, reason, "")).has_value());
    EXPECT_EQ(authenticated(*sessions_, tokens.access), reason);
  }
}

TEST_F(SessionsTest, EndingWhatIsNoSessionIsRefused) {
  EXPECT_EQ(code(loop_.run(sessions_->end("x", Errc::signed_out, ""))), Errc::session_unknown);
  const std::string unknown = SidKeys::make(kKeys)->issue("nobody00000000000000");
  EXPECT_EQ(code(loop_.run(sessions_->end(unknown, Errc::signed_out, ""))), Errc::session_unknown);
}

TEST_F(SessionsTest, AnEndingReachesAnotherProcessWithinOneTick) {
  auto other = make();
  std::vector<Ending> told;
  other->on_ended([&](const Ending& ending) { told.push_back(ending); });
  ASSERT_TRUE(loop_.run(other->load()).has_value());
  const Tokens tokens = signed_in(wallet_);
  EXPECT_EQ(authenticated(*other, tokens.access), std::nullopt);
  ASSERT_TRUE(loop_.run(sessions_->end(tokens.session.sid, Errc::ended_by_operator, "")).has_value());
  EXPECT_EQ(authenticated(*other, tokens.access), std::nullopt);
  loop_.advance(5s);
  EXPECT_TRUE(settles([&] { return !told.empty(); }));
  EXPECT_EQ(authenticated(*other, tokens.access), Errc::ended_by_operator);
  // The overlap reads the row again and again; it is told once.
  for (int i = 0; i < 20; ++i) {
    loop_.advance(5s);
    settles([] { return false; });
  }
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].sid, tokens.session.sid);
  EXPECT_EQ(told[0].reason, Errc::ended_by_operator);
  let_go(std::move(other));
}

TEST_F(SessionsTest, AfterARestartTheIndexKnowsTheEndings) {
  const Tokens tokens = signed_in(wallet_);
  const Tokens kept = signed_in(wallet_);
  ASSERT_TRUE(loop_.run(sessions_->end(tokens.session.sid, Errc::signed_out, "")).has_value());
  // More than the reader goes back over at start, and so old that no token is left to refuse.
  sqlite::Database db = sqlite::look_into(folder_.database());
  ASSERT_TRUE(db.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO "
                     "control_log (kind, subject, user_id, reason, at) "
                     "SELECT 'session_ended', 'old' || i, 'u', 'signed_out', 0 FROM n")
                  .has_value());
  clock_.advance(20min);
  auto restarted = make();
  int told = 0;
  restarted->on_ended([&](const Ending&) { ++told; });
  EXPECT_EQ(authenticated(*restarted, tokens.access), Errc::temporarily_unavailable) << "not filled yet";
  EXPECT_EQ(authenticated(*restarted, kept.access), Errc::temporarily_unavailable);
  ASSERT_TRUE(loop_.run(restarted->load()).has_value());
  EXPECT_EQ(authenticated(*restarted, tokens.access), Errc::signed_out);
  EXPECT_EQ(authenticated(*restarted, kept.access), std::nullopt);
  loop_.advance(5s);
  settles([] { return false; });
  EXPECT_EQ(told, 0) << "nothing was open when it started";
  let_go(std::move(restarted));
}

TEST_F(SessionsTest, WhereTheIndexCannotSayTheStoreIsAsked) {
  const Tokens standing = signed_in(wallet_);
  const Tokens ended = signed_in(wallet_);
  ASSERT_TRUE(loop_.run(sessions_->end(ended.session.sid, Errc::ended_by_operator, "")).has_value());
  auto empty = make();
  EXPECT_TRUE(loop_.run(empty->authenticate_at_store(standing.access)).has_value());
  EXPECT_EQ(code(loop_.run(empty->authenticate_at_store(ended.access))), Errc::ended_by_operator);
  const std::string user = standing.user.id;
  const std::string unknown = *issuer_.mint(claims_for(user, SidKeys::make(kKeys)->issue(user)));
  EXPECT_EQ(code(loop_.run(empty->authenticate_at_store(unknown))), Errc::session_unknown);
  EXPECT_EQ(empty->stats().asked_store.load(), 3U);
  store_->stop();
  EXPECT_EQ(code(loop_.run(empty->authenticate_at_store(standing.access))), Errc::temporarily_unavailable);
  let_go(std::move(empty));
}

TEST_F(SessionsTest, OutOfTouchWithTheStoreTheIndexDecidesNothing) {
  const Tokens tokens = signed_in(wallet_);
  store_->stop();
  clock_.advance(15s);
  EXPECT_EQ(authenticated(*sessions_, tokens.access), std::nullopt);
  clock_.advance(1s);
  EXPECT_EQ(authenticated(*sessions_, tokens.access), Errc::temporarily_unavailable);
  loop_.run_until_idle();
  EXPECT_EQ(authenticated(*sessions_, tokens.access), Errc::temporarily_unavailable);
  EXPECT_GT(sessions_->stats().control_failures.load(), 0U);
  EXPECT_GE(sessions_->out_of_touch(), 16s);
}

TEST_F(SessionsTest, LastSeenIsWrittenWithinOneTickAndOnDrain) {
  const Tokens first = signed_in(wallet_);
  const Tokens second = signed_in(wallet_);
  const auto last_seen = [&](const Tokens& tokens) {
    return loop_.run(store_->session(tokens.session.sid))->session.last_seen_at;
  };
  clock_.advance(2s);
  const WallTime used = clock_.wall();
  sessions_->seen(*sessions_->authenticate(first.access));
  EXPECT_NE(last_seen(first), used);
  loop_.advance(5s);
  EXPECT_TRUE(settles([&] { return last_seen(first) == used; }));
  EXPECT_NE(last_seen(second), clock_.wall());
  sessions_->seen(*sessions_->authenticate(second.access));
  loop_.run(drained(*sessions_));
  EXPECT_EQ(last_seen(second), clock_.wall());
}

TEST_F(SessionsTest, RefusalsReachTheAuditLogWithTheirCount) {
  const WalletSignIn once = proof(wallet_);
  ASSERT_TRUE(sign_in(once).has_value());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code(sign_in(once)), Errc::nonce_used);
  loop_.run(drained(*sessions_));
  sqlite::Database db = sqlite::look_into(folder_.database());
  EXPECT_EQ(sqlite::first_value(db,
                                "SELECT count FROM audit WHERE kind = 'refusal' AND code = 'nonce_used' AND "
                                "ip = '192.0.2.7'"),
            "3");
}

TEST_F(SessionsTest, UsedNoncesArePruned) {
  ASSERT_TRUE(signed_in(wallet_).created);
  sqlite::Database db = sqlite::look_into(folder_.database());
  EXPECT_EQ(sqlite::first_value(db, "SELECT count(*) FROM used_nonces"), "1");
  loop_.advance(60s);
  settles([] { return false; });
  EXPECT_EQ(sqlite::first_value(db, "SELECT count(*) FROM used_nonces"), "1") << "it could still be presented";
  loop_.advance(5min);
  settles([] { return false; });
  EXPECT_EQ(sqlite::first_value(db, "SELECT count(*) FROM used_nonces"), "0");
}

TEST_F(SessionsTest, EndingAndCallingFromOtherThreadsAgree) {
  std::vector<Tokens> tokens;
  for (int i = 0; i < 50; ++i) tokens.push_back(signed_in(wallet_));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::atomic<bool>> ended(tokens.size());
  std::thread caller([&] {
    while (!done.load()) {
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool had_ended = ended[i].load();
        const std::optional<Errc> refused = authenticated(*sessions_, tokens[i].access);
        if (had_ended && refused != Errc::signed_out) ++wrong;
        if (refused.has_value() && refused != Errc::signed_out) ++wrong;
      }
    }
  });
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_TRUE(loop_.run(sessions_->end(tokens[i].session.sid, Errc::signed_out, "")).has_value());
    ended[i].store(true);
  }
  done.store(true);
  caller.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST_F(SessionsTest, OptionsThatCannotWorkAreRefused) {
  const Sessions::Parts parts{*store_, clock_, issuer_, verifier_};
  EXPECT_EQ(code(Sessions::make(default_options(), {}, parts)), Errc::secret_missing);
  SessionOptions options = default_options();
  options.solana.policy.domains.clear();
  EXPECT_EQ(code(Sessions::make(options, kKeys, parts)), Errc::config_invalid);
  options = default_options();
  options.rotation.refresh_ttl = 60s;
  EXPECT_EQ(code(Sessions::make(options, kKeys, parts)), Errc::config_invalid);
}

TEST_F(SessionsTest, SessionKeysAreExchangedUnderEveryoneWhoIsSignedIn) {
  const auto old = signed_in(wallet_);
  const SessionKey next{"2", Secret{std::string(32, 'n')}};
  ASSERT_TRUE(sessions_->take_keys({next, kKeys[0]}).has_value());
  EXPECT_EQ(authenticated(*sessions_, old.access), std::nullopt);
  const auto renewed = loop_.run(sessions_->renew(old.refresh, {}));
  ASSERT_TRUE(renewed.has_value());
  const auto fresh = signed_in(TestWallet{});

  // Nothing changes where the keys are not good.
  EXPECT_EQ(code(sessions_->take_keys({})), Errc::secret_missing);
  EXPECT_EQ(code(sessions_->take_keys({{"3", Secret{std::string("short")}}})), Errc::secret_weak);
  EXPECT_EQ(authenticated(*sessions_, old.access), std::nullopt);

  ASSERT_TRUE(sessions_->take_keys({next}).has_value());
  EXPECT_EQ(authenticated(*sessions_, fresh.access), std::nullopt);
  EXPECT_EQ(authenticated(*sessions_, old.access), Errc::session_unknown);
  EXPECT_EQ(code(loop_.run(sessions_->renew(old.refresh, {}))), Errc::refresh_invalid);
}

}  // namespace
}  // namespace gatecast::session
