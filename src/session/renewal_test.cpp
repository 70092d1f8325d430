#include "session/kept_notes.hpp"
#include "session/sessions_fixture.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

class RenewalTest : public SessionsTest {
 protected:
  Result<Tokens> renew(const std::string& token, std::string ip = "192.0.2.7", std::string user = {}) {
    return loop_.run(sessions_->renew(token, {.ip = std::move(ip)}, std::move(user)));
  }
  static std::uint64_t generation(const Tokens& tokens) { return parse_refresh_token(tokens.refresh)->generation; }
  std::string audit(const std::string& what, const std::string& where) {
    sqlite::Database db = sqlite::look_into(folder_.database());
    return sqlite::first_value(db, "SELECT " + what + " FROM audit WHERE " + where);
  }
  void use(const Tokens& tokens) { sessions_->seen(caller(tokens)); }
  /// Time moves in these tests without the control log being read, so the store is asked.
  Caller caller(const Tokens& tokens) { return *loop_.run(sessions_->authenticate_at_store(tokens.access)); }
  std::optional<Errc> refused(const Tokens& tokens) {
    return code(loop_.run(sessions_->authenticate_at_store(tokens.access)));
  }
};

TEST_F(RenewalTest, ARenewalGivesTheNextGeneration) {
  const Tokens first = signed_in(wallet_);
  EXPECT_EQ(generation(first), 1U);
  clock_.advance(20min);
  const auto second = renew(first.refresh);
  ASSERT_TRUE(second.has_value()) << second.error().detail;
  EXPECT_EQ(generation(*second), 2U);
  EXPECT_EQ(second->session.sid, first.session.sid);
  EXPECT_EQ(second->subject, wallet_.address());
  EXPECT_EQ(second->user.id, first.user.id);
  EXPECT_EQ(caller(*second).claims.gen, 2U);
  EXPECT_EQ(second->expires_at, clock_.wall() + 30min);
  EXPECT_EQ(second->refresh_expires_at, clock_.wall() + std::chrono::days(30));
  EXPECT_EQ(refused(first), std::nullopt) << "the old access token lives out its life";
}

TEST_F(RenewalTest, TheAbsoluteEndIsNotMovedAndIsAnEnd) {
  Tokens tokens = signed_in(wallet_);
  const WallTime end = tokens.session.absolute_expires_at;
  while (clock_.wall() + std::chrono::days(25) < end) {
    clock_.advance(std::chrono::days(25));
    tokens = *renew(tokens.refresh);
    EXPECT_LE(tokens.refresh_expires_at, end);
  }
  EXPECT_EQ(tokens.refresh_expires_at, end);
  clock_.advance(std::chrono::days(25));
  EXPECT_EQ(code(renew(tokens.refresh)), Errc::session_expired);
}

TEST_F(RenewalTest, ManyAtOnceGetOneRefreshToken) {
  const Tokens first = signed_in(wallet_);
  clock_.advance(20min);
  std::vector<Task<Result<Tokens>>> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back(sessions_->renew(first.refresh, kClient));
  std::set<std::string> refresh, access;
  for (const auto& tokens : loop_.run(store::gather(std::move(tasks)))) {
    ASSERT_TRUE(tokens.has_value()) << tokens.error().detail;
    refresh.insert(tokens->refresh);
    access.insert(tokens->access);
  }
  EXPECT_EQ(refresh.size(), 1U);
  EXPECT_EQ(access.size(), 50U);
}

TEST_F(RenewalTest, ALostReplyMayBeRepeatedWithinTheWindow) {
  const Tokens first = signed_in(wallet_);
  clock_.advance(20min);
  const Tokens lost = *renew(first.refresh);
  for (const Duration wait : {Duration{1s}, Duration{1h}, Duration{22h}}) {
    clock_.advance(wait);
    const auto again = renew(first.refresh);
    ASSERT_TRUE(again.has_value()) << again.error().detail;
    EXPECT_EQ(again->refresh, lost.refresh);
    EXPECT_EQ(again->expires_at, clock_.wall() + 30min);
  }
  EXPECT_EQ(audit("count(*)", "kind = 'renewal_repeated'"), "2") << "within the grace it is nothing to note";
  clock_.advance(2h);
  EXPECT_EQ(code(renew(first.refresh)), Errc::refresh_reuse);
}

TEST_F(RenewalTest, ACopyEndsItsSessionAndNoOther) {
  const Tokens first = signed_in(wallet_);
  const Tokens other = signed_in(wallet_);
  std::vector<Ending> told;
  sessions_->on_ended([&](const Ending& ending) { told.push_back(ending); });
  clock_.advance(20min);
  const Tokens second = *renew(first.refresh, "192.0.2.7");
  clock_.advance(1min);
  const Tokens third = *renew(second.refresh, "192.0.2.8");
  EXPECT_EQ(code(renew(first.refresh, "203.0.113.9")), Errc::refresh_reuse);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].sid, first.session.sid);
  EXPECT_EQ(told[0].reason, Errc::refresh_reuse);
  EXPECT_EQ(refused(third), Errc::refresh_reuse);
  EXPECT_EQ(code(renew(third.refresh)), Errc::refresh_reuse);
  EXPECT_EQ(refused(other), std::nullopt);
  EXPECT_TRUE(renew(other.refresh).has_value());
  EXPECT_EQ(audit("ip || ' ' || detail", "code = 'refresh_reuse'"), "203.0.113.9 last renewed from 192.0.2.8");
}

TEST_F(RenewalTest, AnAccessTokenSeenAfterTheGraceKeepsItsGeneration) {
  const Tokens first = signed_in(wallet_);
  clock_.advance(20min);
  const Tokens second = *renew(first.refresh);
  use(second);
  clock_.advance(40s);
  EXPECT_TRUE(renew(first.refresh).has_value()) << "seen, but within the grace";
  use(second);
  EXPECT_EQ(code(renew(first.refresh)), Errc::refresh_reuse) << "noted in memory counts at once";
}

TEST_F(RenewalTest, KeptGenerationsAreWrittenWithinOneTickAndOnDrain) {
  const Tokens first = signed_in(wallet_);
  const Tokens second = signed_in(wallet_);
  const auto kept = [&](const Tokens& tokens) {
    sqlite::Database db = sqlite::look_into(folder_.database());
    return sqlite::first_value(db, "SELECT kept_gen FROM sessions WHERE sid = '" + tokens.session.sid + "'");
  };
  clock_.advance(1min);
  use(first);
  EXPECT_EQ(kept(first), "0");
  loop_.advance(5s);
  EXPECT_TRUE(settles([&] { return kept(first) == "1"; }));
  use(second);
  loop_.run(drained(*sessions_));
  EXPECT_EQ(kept(second), "1");
}

TEST_F(RenewalTest, AnEndedSessionSaysWhy) {
  for (Errc reason : {Errc::signed_out, Errc::ended_by_operator, Errc::identity_unlinked}) {
    const Tokens tokens = signed_in(wallet_);
    ASSERT_TRUE(loop_.run(sessions_->end(tokens.session.sid, reason, "")).has_value());
    EXPECT_EQ(code(renew(tokens.refresh)), reason);
  }
  EXPECT_EQ(code(renew("gcr1.x")), Errc::refresh_invalid);
  EXPECT_GT(sessions_->stats().refused_count(Errc::refresh_invalid), 0U);
}

TEST_F(RenewalTest, AStoreThatWasSetBackGoesOn) {
  Tokens tokens = signed_in(wallet_);
  for (int i = 0; i < 3; ++i) {
    clock_.advance(1min);
    tokens = *renew(tokens.refresh);
  }
  {
    sqlite::Database db = sqlite::look_into(folder_.database());
    ASSERT_TRUE(db.run("UPDATE sessions SET gen = 2, kept_gen = 1"));
  }
  const auto forward = renew(tokens.refresh);
  ASSERT_TRUE(forward.has_value()) << forward.error().detail;
  EXPECT_EQ(generation(*forward), 5U);
  EXPECT_EQ(audit("count(*)", "kind = 'store_rewound'"), "1");
}

TEST_F(RenewalTest, OfAnotherUserItIsForeign) {
  const Tokens tokens = signed_in(wallet_);
  EXPECT_EQ(code(renew(tokens.refresh, "", "somebodyelse00000000")), Errc::token_foreign);
  EXPECT_TRUE(renew(tokens.refresh, "", tokens.user.id).has_value());
}

TEST_F(RenewalTest, EndingOthersAndAll) {
  const Tokens kept = signed_in(wallet_);
  const Tokens other = signed_in(wallet_);
  const Tokens stranger = signed_in(TestWallet{});
  int told = 0;
  sessions_->on_ended([&](const Ending&) { ++told; });
  EXPECT_EQ(*loop_.run(sessions_->end_others(kept.user.id, kept.session.sid, "")), 1U);
  EXPECT_EQ(refused(other), Errc::signed_out);
  EXPECT_EQ(refused(kept), std::nullopt);
  EXPECT_EQ(code(loop_.run(sessions_->end_others(kept.user.id, "", ""))), Errc::session_unknown);
  EXPECT_EQ(loop_.run(sessions_->list(kept.user.id))->size(), 1U);
  EXPECT_EQ(*loop_.run(sessions_->end_all(kept.user.id, "")), 1U);
  EXPECT_EQ(refused(kept), Errc::signed_out);
  EXPECT_EQ(refused(stranger), std::nullopt);
  EXPECT_EQ(told, 2);
  EXPECT_TRUE(renew(stranger.refresh).has_value());
}

TEST_F(RenewalTest, EndingAllBeatsRenewalsAtTheSameMoment) {
  std::vector<Tokens> before;
  for (int i = 0; i < 20; ++i) before.push_back(signed_in(wallet_));
  clock_.advance(20min);
  std::vector<Task<Result<Tokens>>> tasks;
  for (const Tokens& tokens : before) tasks.push_back(sessions_->renew(tokens.refresh, kClient));
  bool ended = false;
  spawn(
      [](Sessions& sessions, std::string user) -> Task<void> {
        EXPECT_TRUE((co_await sessions.end_all(std::move(user), "")).has_value());
      }(*sessions_, before[0].user.id),
      [&ended] { ended = true; });
  const auto results = loop_.run(store::gather(std::move(tasks)));
  EXPECT_TRUE(settles([&] { return ended; }));
  for (const auto& result : results) {
    if (result.has_value()) {
      EXPECT_EQ(refused(*result), Errc::signed_out);
      EXPECT_EQ(code(renew(result->refresh)), Errc::signed_out);
    } else {
      EXPECT_EQ(result.error().code, Errc::signed_out);
    }
  }
}

TEST_F(RenewalTest, OwnSessionsEndByIdAndOthersAreNotFound) {
  const Tokens mine = signed_in(wallet_);
  const Tokens stranger = signed_in(TestWallet{});
  const auto end_own = [&](const std::string& sid) {
    const auto done = loop_.run(sessions_->end_own(mine.user.id, sid, ""));
    return done.has_value() ? std::nullopt : std::optional{done.error().code};
  };
  EXPECT_EQ(end_own(stranger.session.sid), Errc::not_found);
  EXPECT_EQ(end_own("nonsense"), Errc::not_found);
  EXPECT_EQ(end_own(SidKeys::make(kKeys)->issue(mine.user.id)), Errc::not_found);
  EXPECT_EQ(end_own(mine.session.sid), std::nullopt);
  EXPECT_EQ(refused(stranger), std::nullopt);
  EXPECT_EQ(refused(mine), Errc::signed_out);
}

TEST_F(RenewalTest, AFreshSignInIsFiveMinutesOld) {
  const Tokens tokens = signed_in(wallet_);
  const Caller made = caller(tokens);
  clock_.advance(5min);
  EXPECT_TRUE(loop_.run(sessions_->require_fresh(made)).has_value());
  clock_.advance(1ms);
  const auto stale = loop_.run(sessions_->require_fresh(made));
  ASSERT_FALSE(stale.has_value());
  EXPECT_EQ(stale.error().code, Errc::fresh_signin_required);
}

TEST_F(RenewalTest, TheOldestSessionOverTheLimitEnds) {
  SessionOptions options = default_options();
  options.per_user = 2;
  auto limited = make(options);
  ASSERT_TRUE(loop_.run(limited->load()).has_value());
  std::vector<Tokens> made;
  for (int i = 0; i < 3; ++i) {
    clock_.advance(1s);
    made.push_back(*loop_.run(limited->sign_in_wallet(proof(wallet_), kClient)));
  }
  EXPECT_EQ(authenticated(*limited, made[0].access), Errc::session_limit);
  EXPECT_EQ(authenticated(*limited, made[1].access), std::nullopt);
  EXPECT_EQ(authenticated(*limited, made[2].access), std::nullopt);
  let_go(std::move(limited));
}

TEST_F(RenewalTest, JitterCutsTheLifeOfAccessTokensOnly) {
  SessionOptions options = default_options();
  options.jitter = 0.05;
  auto jittered = make(options);
  std::set<std::int64_t> lives;
  for (int i = 0; i < 40; ++i) {
    const auto tokens = loop_.run(jittered->sign_in_wallet(proof(wallet_), kClient));
    ASSERT_TRUE(tokens.has_value());
    EXPECT_GE(tokens->expires_in, 1710);
    EXPECT_LE(tokens->expires_in, 1800);
    lives.insert(tokens->expires_in);
  }
  EXPECT_GT(lives.size(), 5U);
  let_go(std::move(jittered));
}

TEST(KeptNotes, KeepTheNewestAndForgetWhatWasWritten) {
  KeptNotes notes(16);
  EXPECT_TRUE(notes.note("a", 3));
  EXPECT_TRUE(notes.note("a", 2));
  EXPECT_EQ(notes.known("a"), 3U);
  const auto pending = notes.pending();
  EXPECT_EQ(pending, (KeptNotes::Kept{{"a", 3}}));
  EXPECT_TRUE(notes.note("a", 4));
  notes.forget(pending);
  EXPECT_EQ(notes.known("a"), 4U) << "it has moved on since";
  notes.forget(notes.pending());
  EXPECT_EQ(notes.known("a"), 0U);
  int noted = 0;
  for (int i = 0; i < 100; ++i) noted += notes.note(std::to_string(i), 1) ? 1 : 0;
  EXPECT_LE(noted, 16);
  EXPECT_GT(noted, 0);
}

}  // namespace
}  // namespace gatecast::session
