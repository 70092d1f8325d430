// The contract's cases of renewals and of endings of several sessions. Include it where contract_cases.hpp is included.
#pragma once

#include "store/contract.hpp"

namespace gatecast::store {

/// A renewal of the session that `sign_in(…, tag)` made, decided as the test says.
inline Renewal make_renewal(const std::string& sid, const std::string& tag, RotationDecision decision,
                            RotationRow* seen = nullptr, WallTime* at = nullptr) {
  return {.sid = sid,
          .secret_hash = "secret of " + tag,
          .ip = "192.0.2.5",
          .decide = [decision, seen, at](const RotationRow& row, WallTime now) {
            if (seen != nullptr) *seen = row;
            if (at != nullptr) *at = now;
            return decision;
          }};
}
inline RotationDecision rotation_to(std::uint64_t gen) {
  return {.kind = RotationDecision::Kind::rotate,
          .gen = gen,
          .kept_gen = gen - 1,
          .expires_at = kContractStart + std::chrono::days(40)};
}

TEST_P(StoreContract, ARotationMovesTheRowByTheStoresClock) {
  const std::string sid = sign_in("wallet", "a").session.sid;
  RotationRow seen;
  WallTime at{};
  place_->clock().advance(std::chrono::minutes(3));
  Result<Renewed> done = run(store_->renew(make_renewal(sid, "a", rotation_to(2), &seen, &at)));
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(at, kContractStart + std::chrono::minutes(3));
  EXPECT_EQ(seen.gen, 1U);
  EXPECT_EQ(seen.kept_gen, 0U);
  EXPECT_EQ(seen.rotated_at, kContractStart);
  EXPECT_EQ(seen.expires_at, kContractStart + std::chrono::days(30));
  EXPECT_EQ(seen.absolute_expires_at, kContractStart + std::chrono::days(180));
  EXPECT_FALSE(seen.end_reason.has_value());
  EXPECT_FALSE(seen.blocked);
  EXPECT_EQ(done->decision, rotation_to(2));
  EXPECT_EQ(done->view.session.gen, 2U);
  EXPECT_EQ(done->view.session.expires_at, kContractStart + std::chrono::days(40));
  EXPECT_EQ(done->view.user.id, "user-a");
  EXPECT_EQ(done->view.subject, "wallet");
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin"}));

  reopen();
  place_->clock().advance(std::chrono::minutes(1));
  ASSERT_TRUE(run(store_->renew(make_renewal(sid, "a", rotation_to(9), &seen))).has_value());
  EXPECT_EQ(seen.gen, 2U);
  EXPECT_EQ(seen.kept_gen, 1U);
  EXPECT_EQ(seen.rotated_at, kContractStart + std::chrono::minutes(3));
  EXPECT_EQ(run(store_->session(sid))->session.gen, 9U);
}

TEST_P(StoreContract, ARepetitionOnlyNotesWhatIsKept) {
  const std::string sid = sign_in("wallet", "a").session.sid;
  RotationDecision repeat{.kind = RotationDecision::Kind::repeat, .gen = 1, .kept_gen = 1, .audit = "renewal_repeated"};
  RotationRow seen;
  place_->clock().advance(std::chrono::minutes(3));
  ASSERT_TRUE(run(store_->renew(make_renewal(sid, "a", repeat))).has_value());
  repeat.kept_gen = 0;
  repeat.audit = {};
  Renewal again = make_renewal(sid, "a", repeat, &seen);
  ASSERT_TRUE(run(store_->renew(again)).has_value());
  EXPECT_EQ(seen.gen, 1U);
  EXPECT_EQ(seen.kept_gen, 1U);
  EXPECT_EQ(seen.rotated_at, kContractStart);
  again.kept_gen = 7;
  ASSERT_TRUE(run(store_->renew(again)).has_value());
  EXPECT_EQ(seen.kept_gen, 7U) << "what is known but not yet noted counts";
  ASSERT_TRUE(run(store_->renew(make_renewal(sid, "a", repeat, &seen))).has_value());
  EXPECT_EQ(seen.kept_gen, 1U);
  const auto rows = place_->audit_rows();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[2].kind, "renewal_repeated");
  EXPECT_EQ(rows[2].sid, sid);
  EXPECT_EQ(rows[2].user_id, "user-a");
  EXPECT_EQ(rows[2].ip, "192.0.2.5");
  EXPECT_NE(rows[2].detail.find("192.0.2.1"), std::string::npos) << rows[1].detail;
  EXPECT_EQ(rows[2].at, kContractStart + std::chrono::minutes(3));
}

TEST_P(StoreContract, ARefusedRenewalChangesNothing) {
  const std::string sid = sign_in("wallet", "a").session.sid;
  Result<Renewed> refused = run(store_->renew(make_renewal(sid, "a", {.reason = Errc::session_expired})));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->decision.reason, Errc::session_expired);
  EXPECT_EQ(refused->view.session.gen, 1U);
  EXPECT_FALSE(refused->view.session.ended_at.has_value());
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin"}));
}

TEST_P(StoreContract, OnlyTheSessionsOwnSecretRenews) {
  const std::string sid = sign_in("wallet", "a").session.sid;
  sign_in("other", "b");
  EXPECT_EQ(run(store_->renew(make_renewal(sid, "b", rotation_to(2)))).error().code, Errc::refresh_invalid);
  EXPECT_EQ(run(store_->renew(make_renewal("unknown", "a", rotation_to(2)))).error().code, Errc::session_unknown);
  SignIn bare = make_sign_in("wallet", "c");
  bare.secret_hash.clear();
  const std::string old = run(store_->sign_in(bare))->session.sid;
  Renewal none = make_renewal(old, "c", rotation_to(2));
  none.secret_hash.clear();
  EXPECT_EQ(run(store_->renew(none)).error().code, Errc::refresh_invalid);
  EXPECT_EQ(run(store_->session(sid))->session.gen, 1U);
  SignIn bytes = make_sign_in("wallet", "d");
  bytes.secret_hash = std::string("\0\xff\0'", 4);
  const std::string binary = run(store_->sign_in(bytes))->session.sid;
  Renewal shown = make_renewal(binary, "d", rotation_to(2));
  shown.secret_hash = std::string("\0\xff\0", 3);
  EXPECT_EQ(run(store_->renew(shown)).error().code, Errc::refresh_invalid);
  shown.secret_hash = bytes.secret_hash;
  EXPECT_TRUE(run(store_->renew(shown)).has_value());
}

TEST_P(StoreContract, ARenewalThatShowsACopyEndsTheSession) {
  SignedIn done = sign_in("wallet", "a");
  SignedIn other = sign_in("wallet", "b");
  place_->clock().advance(std::chrono::minutes(3));
  const RotationDecision copied{.kind = RotationDecision::Kind::end, .reason = Errc::refresh_reuse};
  Result<Renewed> ended = run(store_->renew(make_renewal(done.session.sid, "a", copied)));
  ASSERT_TRUE(ended.has_value()) << ended.error().detail;
  EXPECT_EQ(ended->view.session.end_reason, Errc::refresh_reuse);
  EXPECT_EQ(ended->view.session.ended_at, kContractStart + std::chrono::minutes(3));
  ASSERT_EQ(control().size(), 1U);
  EXPECT_EQ(control()[0].subject, done.session.sid);
  EXPECT_EQ(control()[0].reason, Errc::refresh_reuse);
  const auto row = place_->audit_rows().back();
  EXPECT_EQ(row.kind, "ended");
  EXPECT_EQ(row.code, "refresh_reuse");
  EXPECT_EQ(row.ip, "192.0.2.5");
  EXPECT_NE(row.detail.find("192.0.2.1"), std::string::npos) << row.detail;
  EXPECT_FALSE(run(store_->session(other.session.sid))->session.ended_at.has_value());
}

TEST_P(StoreContract, ARenewalSeesTheEndingAndTheBlock) {
  SignedIn done = sign_in("wallet", "a");
  RotationRow seen;
  block(done.user.id);
  ASSERT_TRUE(run(store_->renew(make_renewal(done.session.sid, "a", {}, &seen))).has_value());
  EXPECT_TRUE(seen.blocked);
  EXPECT_EQ(seen.end_reason, Errc::user_blocked);
  SignedIn other = sign_in("other", "b");
  end(other.session.sid, Errc::ended_by_operator);
  ASSERT_TRUE(run(store_->renew(make_renewal(other.session.sid, "b", {}, &seen))).has_value());
  EXPECT_FALSE(seen.blocked);
  EXPECT_EQ(seen.end_reason, Errc::ended_by_operator);
}

TEST_P(StoreContract, KeptGenerationsMoveForwardOnly) {
  const std::string sid = sign_in("wallet", "a").session.sid;
  ASSERT_TRUE(run(store_->keep({{sid, 5}, {"unknown", 3}})));
  ASSERT_TRUE(run(store_->keep({{sid, 2}})));
  RotationRow seen;
  ASSERT_TRUE(run(store_->renew(make_renewal(sid, "a", {}, &seen))).has_value());
  EXPECT_EQ(seen.kept_gen, 5U);
  EXPECT_TRUE(run(store_->keep({})));
}

TEST_P(StoreContract, ManyRenewalsAtOnceRotateOnce) {
  const std::string sid = sign_in("wallet", "a").session.sid;
  std::vector<Task<Result<Renewed>>> tasks;
  for (int i = 0; i < 50; ++i) {
    Renewal request = make_renewal(sid, "a", {});
    request.decide = [](const RotationRow& row, WallTime) -> RotationDecision {
      if (row.gen == 1) return rotation_to(2);
      return {.kind = RotationDecision::Kind::repeat, .gen = row.gen};
    };
    tasks.push_back(store_->renew(std::move(request)));
  }
  int rotated = 0;
  for (const auto& result : run(gather(std::move(tasks)))) {
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->view.session.gen, 2U);
    rotated += result->decision.kind == RotationDecision::Kind::rotate ? 1 : 0;
  }
  EXPECT_EQ(rotated, 1);
}

TEST_P(StoreContract, EndingTheOthersKeepsOneAndRaisesTheEpoch) {
  const std::string kept = sign_in("wallet", "a").session.sid;
  const std::string before = sign_in("wallet", "b").session.sid;
  const std::string other = sign_in("wallet", "c").session.sid;
  const std::string stranger = sign_in("stranger", "d").session.sid;
  end(before, Errc::ended_by_operator);
  const WallTime at = kContractStart + std::chrono::minutes(1);
  auto ended = run(store_->end_sessions("user-a", kept, Errc::signed_out, at, "192.0.2.8"));
  ASSERT_TRUE(ended.has_value()) << ended.error().detail;
  ASSERT_EQ(ended->size(), 1U);
  EXPECT_EQ((*ended)[0].sid, other);
  EXPECT_EQ((*ended)[0].end_reason, Errc::signed_out);
  EXPECT_EQ((*ended)[0].ended_at, at);
  EXPECT_EQ(run(store_->session(before))->session.end_reason, Errc::ended_by_operator);
  EXPECT_EQ(run(store_->session(other))->session.end_reason, Errc::signed_out);
  EXPECT_FALSE(run(store_->session(kept))->session.ended_at.has_value());
  EXPECT_FALSE(run(store_->session(stranger))->session.ended_at.has_value());
  EXPECT_EQ(run(store_->session(kept))->user.session_epoch, 1U);
  EXPECT_EQ(run(store_->session(stranger))->user.session_epoch, 0U);
  ASSERT_EQ(control().size(), 2U);
  EXPECT_EQ(control()[1].subject, other);
  EXPECT_EQ(place_->audit_rows().back().kind, "signout");
  EXPECT_EQ(place_->audit_rows().back().ip, "192.0.2.8");
}

TEST_P(StoreContract, EndingAllEndsWhatWasBeforeAndNothingAfter) {
  Strings sids;
  for (const char* tag : {"a", "b", "c"}) sids.push_back(sign_in("wallet", tag).session.sid);
  auto ended = run(store_->end_sessions("user-a", "", Errc::signed_out, kContractStart, ""));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->size(), 3U);
  EXPECT_EQ(control().size(), 3U);
  const std::string after = sign_in("wallet", "d").session.sid;
  EXPECT_FALSE(run(store_->session(after))->session.ended_at.has_value());
  auto listed = run(store_->sessions_of("user-a", kContractStart));
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ((*listed)[0].sid, after);
  EXPECT_TRUE(run(store_->end_sessions("nobody", "", Errc::signed_out, kContractStart, ""))->empty());
}

TEST_P(StoreContract, SessionsAreListedTheNewestFirst) {
  for (const char* tag : {"a", "b", "c"}) sign_in("wallet", tag);
  sign_in("stranger", "d");
  auto listed = run(store_->sessions_of("user-a", kContractStart));
  ASSERT_EQ(listed->size(), 3U);
  EXPECT_EQ((*listed)[0].sid, "sid-c/user-a");
  EXPECT_EQ((*listed)[2].sid, "sid-a/user-a");
  EXPECT_TRUE(run(store_->sessions_of("user-a", kContractStart + std::chrono::days(30)))->empty());
}

TEST_P(StoreContract, ASignInOverTheLimitEndsTheOldest) {
  const auto limited = [this](const std::string& tag, int minute) {
    SignIn request = make_sign_in("wallet", tag);
    request.sessions_max = 2;
    request.session.created_at += std::chrono::minutes(minute);
    return *run(store_->sign_in(request));
  };
  EXPECT_TRUE(limited("b", 2).ended.empty());
  EXPECT_TRUE(limited("a", 1).ended.empty());
  const SignedIn third = limited("c", 3);
  ASSERT_EQ(third.ended.size(), 1U);
  EXPECT_EQ(third.ended[0].sid, "sid-a/user-b");
  EXPECT_EQ(third.ended[0].end_reason, Errc::session_limit);
  EXPECT_EQ(run(store_->session("sid-a/user-b"))->session.end_reason, Errc::session_limit);
  EXPECT_EQ(control().size(), 1U);
  EXPECT_FALSE(run(store_->session("sid-b/user-b"))->session.ended_at.has_value());
  // One that expires does not count.
  place_->clock().advance(std::chrono::days(30));
  SignIn later = make_sign_in("wallet", "d");
  later.sessions_max = 2;
  later.session.expires_at += std::chrono::days(30);
  EXPECT_TRUE(run(store_->sign_in(later))->ended.empty());
}

TEST_P(StoreContract, EndingAllAndSigningInAtOnceLeaveNothingOld) {
  sign_in("wallet", "a");
  std::vector<Task<Result<SignedIn>>> sign_ins;
  for (int i = 0; i < 20; ++i) sign_ins.push_back(store_->sign_in(make_sign_in("wallet", std::to_string(i))));
  std::vector<SessionRow> ended;
  spawn([](Store& store, std::vector<SessionRow>& out) -> Task<void> {
    out = *co_await store.end_sessions("user-a", "", Errc::signed_out, kContractStart, "");
  }(*store_, ended));
  run(gather(std::move(sign_ins)));
  ASSERT_TRUE(run(store_->ping()));
  std::size_t standing = run(store_->sessions_of("user-a", kContractStart))->size();
  EXPECT_EQ(ended.size() + standing, 21U);
  EXPECT_EQ(control().size(), ended.size());
}

}  // namespace gatecast::store
