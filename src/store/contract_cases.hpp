// The cases of store/contract.hpp. Place: included by one file of a test program, which also instantiates the suite.
#pragma once

#include "store/contract.hpp"

namespace gatecast::store {

using Strings = std::vector<std::string>;

TEST_P(StoreContract, FirstSignInMakesUserIdentityAndSession) {
  SignIn request = make_sign_in("wallet", "a");
  request.new_user.avatar = "https://example.org/a.png";
  request.new_user.is_creator = true;
  Result<SignedIn> done = run(store_->sign_in(request));
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_TRUE(done->created);
  EXPECT_EQ(done->user.id, "user-a");
  EXPECT_EQ(done->session.sid, "sid-a/user-a");
  EXPECT_EQ(done->session.user_id, "user-a");
  EXPECT_EQ(done->session.identity_id, "identity-a");

  Result<SessionView> view = run(store_->session(done->session.sid));
  ASSERT_TRUE(view.has_value()) << view.error().detail;
  EXPECT_EQ(view->subject, "wallet");
  EXPECT_EQ(view->user.nickname, "nick a");
  EXPECT_EQ(view->user.avatar, "https://example.org/a.png");
  EXPECT_TRUE(view->user.is_creator);
  EXPECT_FALSE(view->user.is_verified);
  EXPECT_FALSE(view->user.blocked);
  EXPECT_EQ(view->user.ref_code, "ref-a");
  EXPECT_FALSE(view->user.referrer.has_value());
  EXPECT_EQ(view->user.created_at, kContractStart);
  EXPECT_EQ(view->session.how, "solana");
  EXPECT_EQ(view->session.ip, "192.0.2.1");
  EXPECT_EQ(view->session.user_agent, "contract");
  EXPECT_EQ(view->session.created_at, kContractStart);
  EXPECT_EQ(view->session.last_seen_at, kContractStart);
  EXPECT_EQ(view->session.expires_at, kContractStart + std::chrono::days(30));
  EXPECT_EQ(view->session.gen, 1U);
  EXPECT_FALSE(view->session.ended_at.has_value());
  EXPECT_FALSE(view->session.end_reason.has_value());
}

TEST_P(StoreContract, LaterSignInKeepsTheUserAndMakesAnotherSession) {
  SignedIn first = sign_in("wallet", "a");
  SignedIn second = sign_in("wallet", "b");
  EXPECT_FALSE(second.created);
  EXPECT_EQ(second.user.id, "user-a");
  EXPECT_EQ(second.user.nickname, "nick a");
  EXPECT_EQ(second.session.sid, "sid-b/user-a");
  EXPECT_EQ(second.session.identity_id, "identity-a");
  EXPECT_TRUE(run(store_->session(first.session.sid)).has_value());
  EXPECT_TRUE(run(store_->session(second.session.sid)).has_value());
}

TEST_P(StoreContract, SubjectsAreDistinctByKindToo) {
  EXPECT_TRUE(sign_in("subject", "a").created);
  SignIn other = make_sign_in("subject", "b");
  other.kind = "ethereum";
  EXPECT_TRUE(run(store_->sign_in(other))->created);
  EXPECT_TRUE(sign_in("Subject", "c").created);
}

TEST_P(StoreContract, TextIsKeptByteForByte) {
  SignIn request = make_sign_in("wallet", "a");
  request.new_user.nickname = "a\x01\\b'; DROP TABLE users; -- \xF0\x9F\x90\x9D";
  request.session.user_agent = std::string(256, '"');
  SignedIn done = *run(store_->sign_in(request));
  SessionView view = *run(store_->session(done.session.sid));
  EXPECT_EQ(view.user.nickname, request.new_user.nickname);
  EXPECT_EQ(view.session.user_agent, request.session.user_agent);
}

// Not every database has a zero byte in a text: it is kept or refused, and never cut off there.
TEST_P(StoreContract, AZeroByteIsKeptOrRefused) {
  SignIn request = make_sign_in("wallet", "a");
  request.new_user.nickname = std::string("a\0b", 3);
  Result<SignedIn> done = run(store_->sign_in(request));
  Result<SessionView> view = run(store_->session("sid-a/user-a"));
  ASSERT_EQ(view.has_value(), done.has_value());
  if (done) {
    EXPECT_EQ(view->user.nickname, request.new_user.nickname);
  } else {
    EXPECT_EQ(done.error().code, Errc::field_invalid);
    EXPECT_TRUE(sign_in("wallet", "a").created);
  }
}

TEST_P(StoreContract, NonceWorksOnce) {
  sign_in("wallet", "a");
  SignIn again = make_sign_in("other", "b");
  again.nonce = "nonce-a";
  Result<SignedIn> refused = run(store_->sign_in(again));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::nonce_used);
  EXPECT_EQ(run(store_->session("sid-b/user-b")).error().code, Errc::session_unknown);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin"}));
  // Nothing of the refused sign-in stayed: the same user can be made with a fresh nonce.
  EXPECT_TRUE(sign_in("other", "b").created);
}

TEST_P(StoreContract, BlockedUserIsRefusedAndNothingStays) {
  SignedIn done = sign_in("wallet", "a");
  block(done.user.id);
  Result<SignedIn> refused = run(store_->sign_in(make_sign_in("wallet", "b")));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::user_blocked);
  EXPECT_EQ(run(store_->session("sid-b/user-a")).error().code, Errc::session_unknown);
  EXPECT_TRUE(run(store_->session(done.session.sid))->user.blocked);
  // The nonce was not consumed either.
  EXPECT_TRUE(sign_in("other", "b").created);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin", "user_blocked", "operator", "user_created", "signin"}));
}

TEST_P(StoreContract, ReferrerIsWrittenOnceByRefCode) {
  sign_in("first", "a");
  SignIn second = make_sign_in("second", "b");
  second.ref_code = "ref-a";
  EXPECT_EQ(run(store_->sign_in(second))->user.referrer, "user-a");
  // A known user keeps the referrer, whatever a later sign-in says.
  sign_in("third", "c");
  SignIn again = make_sign_in("second", "d");
  again.ref_code = "ref-c";
  EXPECT_EQ(run(store_->sign_in(again))->user.referrer, "user-a");
  EXPECT_EQ(run(store_->session("sid-d/user-b"))->user.referrer, "user-a");
}

TEST_P(StoreContract, UnknownAndOwnRefCodesReferNobody) {
  SignIn unknown = make_sign_in("first", "a");
  unknown.ref_code = "nobody";
  EXPECT_FALSE(run(store_->sign_in(unknown))->user.referrer.has_value());
  SignIn own = make_sign_in("second", "b");
  own.ref_code = own.new_user.ref_code;
  own.new_user.referrer = "user-a";
  EXPECT_FALSE(run(store_->sign_in(own))->user.referrer.has_value());
}

TEST_P(StoreContract, TakenRefCodeIsReplaced) {
  sign_in("first", "a");
  SignIn second = make_sign_in("second", "b");
  second.new_user.ref_code = "ref-a";
  Result<SignedIn> done = run(store_->sign_in(second));
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_NE(done->user.ref_code, "ref-a");
  EXPECT_EQ(done->user.ref_code.size(), 8U);
  EXPECT_EQ(run(store_->session(done->session.sid))->user.ref_code, done->user.ref_code);
}

TEST_P(StoreContract, TakenUserIdIsAnErrorThatLeavesNothing) {
  sign_in("first", "a");
  SignIn second = make_sign_in("second", "b");
  second.new_user.id = "user-a";
  EXPECT_EQ(run(store_->sign_in(second)).error().code, Errc::store_failed);
  EXPECT_TRUE(sign_in("second", "b").created);
}

TEST_P(StoreContract, UnknownSessionIsSaid) {
  EXPECT_EQ(run(store_->session("sid")).error().code, Errc::session_unknown);
  EXPECT_EQ(run(store_->session("")).error().code, Errc::session_unknown);
  EXPECT_EQ(run(store_->end_session("sid", Errc::signed_out, kContractStart, "")).error().code, Errc::session_unknown);
  EXPECT_TRUE(control().empty());
  EXPECT_TRUE(audit_kinds().empty());
}

TEST_P(StoreContract, EndingWritesSessionControlRowAndAudit) {
  SignedIn done = sign_in("wallet", "a");
  const WallTime at = kContractStart + std::chrono::minutes(1);
  Ended ended = end(done.session.sid, Errc::ended_by_operator, at);
  EXPECT_TRUE(ended.now);
  EXPECT_EQ(ended.session.end_reason, Errc::ended_by_operator);
  EXPECT_EQ(ended.session.ended_at, at);
  EXPECT_EQ(ended.session.user_id, "user-a");

  SessionView view = *run(store_->session(done.session.sid));
  EXPECT_EQ(view.session.end_reason, Errc::ended_by_operator);
  EXPECT_EQ(view.session.ended_at, at);

  auto rows = control();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].seq, ended.control_seq);
  EXPECT_EQ(rows[0].kind, "session_ended");
  EXPECT_EQ(rows[0].subject, done.session.sid);
  EXPECT_EQ(rows[0].user_id, "user-a");
  EXPECT_EQ(rows[0].reason, Errc::ended_by_operator);
  EXPECT_EQ(rows[0].at, at);

  auto audit = place_->audit_rows();
  ASSERT_EQ(audit.size(), 3U);
  EXPECT_EQ(audit[0].kind, "user_created");
  EXPECT_EQ(audit[0].user_id, "user-a");
  EXPECT_EQ(audit[0].ip, "192.0.2.1");
  EXPECT_EQ(audit[1].kind, "signin");
  EXPECT_EQ(audit[1].sid, done.session.sid);
  EXPECT_EQ(audit[1].user_id, "user-a");
  EXPECT_EQ(audit[1].ip, "192.0.2.1");
  EXPECT_EQ(audit[2].kind, "operator");
  EXPECT_EQ(audit[2].code, "ended_by_operator");
  EXPECT_EQ(audit[2].ip, "192.0.2.9");
  EXPECT_EQ(audit[2].at, at);
}

TEST_P(StoreContract, EndingTwiceGivesTheFirstReason) {
  SignedIn done = sign_in("wallet", "a");
  Ended first = end(done.session.sid, Errc::signed_out);
  Ended second = end(done.session.sid, Errc::user_blocked, kContractStart + std::chrono::hours(1));
  EXPECT_TRUE(first.now);
  EXPECT_FALSE(second.now);
  EXPECT_EQ(second.session.end_reason, Errc::signed_out);
  EXPECT_EQ(second.session.ended_at, kContractStart);
  EXPECT_EQ(second.control_seq, first.control_seq);
  EXPECT_EQ(control().size(), 1U);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin", "signout"}));
}

TEST_P(StoreContract, EveryEndReasonComesBack) {
  for (Errc reason : {Errc::signed_out, Errc::ended_by_operator, Errc::user_blocked, Errc::refresh_reuse,
                      Errc::session_expired, Errc::session_limit, Errc::identity_unlinked}) {
    SignedIn done = sign_in("wallet", std::string(info(reason).name));
    end(done.session.sid, reason);
    EXPECT_EQ(run(store_->session(done.session.sid))->session.end_reason, reason);
    EXPECT_EQ(control().back().reason, reason);
  }
}

TEST_P(StoreContract, ControlLogIsInCommitOrderAndPaged) {
  Strings sids;
  for (const char* tag : {"a", "b", "c", "d", "e"}) sids.push_back(sign_in("wallet", tag).session.sid);
  std::vector<std::uint64_t> seqs;
  for (const auto& sid : sids) seqs.push_back(end(sid, Errc::signed_out).control_seq);
  EXPECT_GT(seqs[0], 0U);

  auto all = control();
  ASSERT_EQ(all.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(all[i].seq, seqs[i]);
    EXPECT_EQ(all[i].subject, sids[i]);
    if (i > 0) EXPECT_GT(all[i].seq, all[i - 1].seq);
  }
  auto page = control(seqs[1], 2);
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].seq, seqs[2]);
  EXPECT_EQ(page[1].seq, seqs[3]);
  EXPECT_TRUE(control(seqs[4]).empty());
  EXPECT_TRUE(control(0, 0).empty());
}

TEST_P(StoreContract, EndedSinceGivesWhatEndedAtOrAfter) {
  Strings sids;
  for (int i = 0; i < 4; ++i) sids.push_back(sign_in("wallet", std::to_string(i)).session.sid);
  for (int i = 0; i < 3; ++i) {
    end(sids[static_cast<std::size_t>(i)], Errc::session_limit, kContractStart + std::chrono::seconds(i));
  }
  Result<std::vector<ControlRow>> rows = run(store_->ended_since(kContractStart + std::chrono::seconds(1)));
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->size(), 2U);
  const auto log = control();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*rows)[i].subject, sids[i + 1]);
    EXPECT_EQ((*rows)[i].seq, log[i + 1].seq);
    EXPECT_EQ((*rows)[i].kind, "session_ended");
    EXPECT_EQ((*rows)[i].user_id, "user-0");
    EXPECT_EQ((*rows)[i].reason, Errc::session_limit);
    EXPECT_EQ((*rows)[i].at, log[i + 1].at);
  }
  EXPECT_TRUE(run(store_->ended_since(kContractStart + std::chrono::seconds(3)))->empty());
}

TEST_P(StoreContract, TouchMovesForwardOnly) {
  const std::string a = sign_in("wallet", "a").session.sid;
  const std::string b = sign_in("wallet", "b").session.sid;
  const WallTime later = kContractStart + std::chrono::minutes(2);
  ASSERT_TRUE(run(store_->touch({{a, later}, {"unknown", later}, {b, kContractStart - std::chrono::hours(1)}})));
  EXPECT_EQ(run(store_->session(a))->session.last_seen_at, later);
  EXPECT_EQ(run(store_->session(b))->session.last_seen_at, kContractStart);
  ASSERT_TRUE(run(store_->touch({{a, kContractStart}})));
  EXPECT_EQ(run(store_->session(a))->session.last_seen_at, later);
  EXPECT_TRUE(run(store_->touch({})));
}

TEST_P(StoreContract, AuditRowsAreKept) {
  const AuditRow row{.at = kContractStart,
                     .kind = "refusal",
                     .user_id = "u",
                     .sid = "s",
                     .ip = "2001:db8::1",
                     .code = "nonce_used",
                     .detail = "twice",
                     .count = 7};
  ASSERT_TRUE(run(store_->audit({row, row})));
  auto rows = place_->audit_rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].at, row.at);
  EXPECT_EQ(rows[1].kind, row.kind);
  EXPECT_EQ(rows[1].user_id, row.user_id);
  EXPECT_EQ(rows[1].sid, row.sid);
  EXPECT_EQ(rows[1].ip, row.ip);
  EXPECT_EQ(rows[1].code, row.code);
  EXPECT_EQ(rows[1].detail, row.detail);
  EXPECT_EQ(rows[1].count, row.count);
}

TEST_P(StoreContract, PruneRemovesOnlyWhatIsPast) {
  SignIn early = make_sign_in("wallet", "a");
  early.nonce_expires = kContractStart;
  ASSERT_TRUE(run(store_->sign_in(early)).has_value());
  SignIn late = make_sign_in("wallet", "b");
  late.nonce_expires = kContractStart + std::chrono::milliseconds(1);
  late.session.created_at = kContractStart + std::chrono::milliseconds(1);
  ASSERT_TRUE(run(store_->sign_in(late)).has_value());

  EXPECT_EQ(*run(store_->prune(kContractStart, kContractStart, kContractStart)), 0U);
  const WallTime next = kContractStart + std::chrono::milliseconds(1);
  EXPECT_EQ(*run(store_->prune(next, next, next)), 3U);
  EXPECT_EQ(place_->audit_rows().size(), 1U);
  EXPECT_EQ(place_->audit_rows()[0].sid, "sid-b/user-a");
  SignIn again = make_sign_in("wallet", "c");
  again.nonce = "nonce-b";
  EXPECT_EQ(run(store_->sign_in(again)).error().code, Errc::nonce_used);
  again.nonce = "nonce-a";
  EXPECT_TRUE(run(store_->sign_in(again)).has_value());
}

TEST_P(StoreContract, PruneRemovesAnyNumber) {
  std::vector<AuditRow> rows(2500, AuditRow{.at = kContractStart, .kind = "refusal"});
  ASSERT_TRUE(run(store_->audit(rows)));
  const WallTime later = kContractStart + std::chrono::seconds(1);
  EXPECT_EQ(*run(store_->prune(kContractStart, later, kContractStart)), 2499U);
  EXPECT_EQ(place_->audit_rows().size(), 1U);
}

TEST_P(StoreContract, EverythingIsThereAfterReopening) {
  SignedIn kept = sign_in("wallet", "a");
  SignedIn gone = sign_in("wallet", "b");
  const std::uint64_t seq = end(gone.session.sid, Errc::signed_out).control_seq;
  reopen();
  EXPECT_FALSE(run(store_->session(kept.session.sid))->session.ended_at.has_value());
  EXPECT_EQ(run(store_->session(gone.session.sid))->session.end_reason, Errc::signed_out);
  EXPECT_EQ(control().back().seq, seq);
  SignIn replay = make_sign_in("wallet", "c");
  replay.nonce = "nonce-a";
  EXPECT_EQ(run(store_->sign_in(replay)).error().code, Errc::nonce_used);
  EXPECT_GT(end(kept.session.sid, Errc::signed_out).control_seq, seq);
}

TEST_P(StoreContract, PingAnswers) { EXPECT_TRUE(run(store_->ping()).has_value()); }

TEST_P(StoreContract, OneOfManySignInsWithOneNonceWins) {
  std::vector<Task<Result<SignedIn>>> tasks;
  for (int i = 0; i < 100; ++i) {
    SignIn request = make_sign_in("wallet-" + std::to_string(i), std::to_string(i));
    request.nonce = "the one";
    tasks.push_back(store_->sign_in(std::move(request)));
  }
  int won = 0;
  for (const auto& result : run(gather(std::move(tasks)))) {
    won += result.has_value() ? 1 : 0;
    if (!result) EXPECT_EQ(result.error().code, Errc::nonce_used);
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin"}));
}

TEST_P(StoreContract, OneRefusalLeavesTheOthersAtOnceAlone) {
  std::vector<Task<Result<SignedIn>>> tasks;
  for (int i = 0; i < 60; ++i) {
    SignIn request = make_sign_in("wallet-" + std::to_string(i), std::to_string(i));
    if (i % 3 == 1) request.nonce = "nonce-" + std::to_string(i - 1);       // used by the one before
    if (i % 3 == 2) request.new_user.id = "user-" + std::to_string(i - 2);  // breaks a constraint
    tasks.push_back(store_->sign_in(std::move(request)));
  }
  // Which of those at once comes first is the store's affair: either the first of three, or the two that it excludes.
  auto results = run(gather(std::move(tasks)));
  std::size_t done = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool first = results[i - i % 3].has_value();
    EXPECT_EQ(results[i].has_value(), (i % 3 == 0) == first) << i;
    const std::string n = std::to_string(i);
    const std::string owner = i % 3 == 2 ? std::to_string(i - 2) : n;
    EXPECT_EQ(run(store_->session("sid-" + n + "/user-" + owner)).has_value(), results[i].has_value()) << i;
    done += results[i].has_value() ? 1 : 0;
  }
  const Strings kinds = audit_kinds();
  EXPECT_EQ(kinds.size(), 2 * done);
  EXPECT_EQ(static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), "signin")), done);
}

TEST_P(StoreContract, OneOfManyEndingsEnds) {
  const std::string sid = sign_in("wallet", "a").session.sid;
  std::vector<Task<Result<Ended>>> tasks;
  for (int i = 0; i < 50; ++i) {
    tasks.push_back(store_->end_session(sid, i % 2 == 0 ? Errc::signed_out : Errc::session_limit, kContractStart, ""));
  }
  auto results = run(gather(std::move(tasks)));
  int now = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value());
    now += result->now ? 1 : 0;
    EXPECT_EQ(result->session.end_reason, results[0]->session.end_reason);
    EXPECT_EQ(result->control_seq, results[0]->control_seq);
  }
  EXPECT_EQ(now, 1);
  EXPECT_EQ(control().size(), 1U);
}

/// One loop's share of the concurrent test: each session is read after its answer, ended, and read again.
inline Task<int> sign_in_read_end(Store& store, std::string tag, int rounds) {
  int wrong = 0;
  for (int i = 0; i < rounds; ++i) {
    const std::string id = tag + "-" + std::to_string(i);
    Result<SignedIn> done = co_await store.sign_in(make_sign_in("shared wallet", id));
    if (!done) co_return 1000;
    Result<SessionView> fresh = co_await store.session(done->session.sid);
    if (!fresh || fresh->session.ended_at) ++wrong;
    Result<Ended> ended = co_await store.end_session(done->session.sid, Errc::signed_out, kContractStart, "");
    if (!ended || !ended->now) ++wrong;
    Result<SessionView> after = co_await store.session(done->session.sid);
    if (!after || !after->session.ended_at) ++wrong;
    const std::uint64_t seq = ended ? ended->control_seq : 1;
    Result<std::vector<ControlRow>> rows = co_await store.control_log(seq - 1, 1);
    if (!rows || rows->size() != 1 || rows->front().subject != done->session.sid) ++wrong;
  }
  co_return wrong;
}

TEST_P(StoreContract, ManyLoopsReadWhatTheyWereAnswered) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 12;
  std::array<int, kThreads> wrong{};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, t, &wrong] {
        ManualClock clock;
        ManualLoop loop(clock);
        std::vector<Task<int>> tasks;
        for (int lane = 0; lane < 3; ++lane) {
          tasks.push_back(sign_in_read_end(*store_, std::to_string(t) + "-" + std::to_string(lane), kRounds));
        }
        for (int n : loop.run(gather(std::move(tasks)))) wrong[static_cast<std::size_t>(t)] += n;
      });
    }
  }
  EXPECT_EQ(wrong, (std::array<int, kThreads>{}));
  // All of them met one wallet for the first time at once: there is one user.
  const auto rows = control();
  EXPECT_EQ(rows.size(), static_cast<std::size_t>(kThreads * 3 * kRounds));
  for (const auto& row : rows) EXPECT_EQ(row.user_id, rows[0].user_id);
}

}  // namespace gatecast::store
