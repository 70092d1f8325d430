// The cases of store/contract.hpp about the audit log, its readers, and what is removed with time.
//
// Place: as contract_cases.hpp, which is included first.
#pragma once

#include "store/contract_identities_cases.hpp"

namespace gatecast::store {

class StoreAuditContract : public StoreContract {
 protected:
  std::vector<AuditRow> log(AuditQuery query) {
    auto rows = run(store_->audit_log(std::move(query)));
    EXPECT_TRUE(rows.has_value());
    return rows ? *rows : std::vector<AuditRow>{};
  }
  static std::vector<std::uint64_t> seqs(const std::vector<AuditRow>& rows) {
    std::vector<std::uint64_t> out;
    for (const auto& row : rows) out.push_back(row.seq);
    return out;
  }
  std::uint64_t prune(WallTime now, WallTime audit_before, WallTime ended_before) {
    auto gone = run(store_->prune(now, audit_before, ended_before));
    EXPECT_TRUE(gone.has_value());
    return gone.value_or(0);
  }
};

TEST_P(StoreAuditContract, TheLogIsReadInItsOrderAndInPages) {
  for (const char* tag : {"a", "b"}) sign_in("wallet", tag);
  end("sid-a/user-a", Errc::signed_out);
  const auto all = log({});
  ASSERT_EQ(all.size(), 4U);
  const AuditRow& last = all.back();
  EXPECT_EQ(last.kind, "signout");
  EXPECT_EQ(last.user_id, "user-a");
  EXPECT_EQ(last.sid, "sid-a/user-a");
  EXPECT_EQ(last.ip, "192.0.2.9");
  EXPECT_EQ(last.code, "signed_out");
  EXPECT_EQ(last.at, kContractStart);
  EXPECT_EQ(last.count, 1U);
  EXPECT_GT(all[0].seq, 0U);
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_GT(all[i].seq, all[i - 1].seq);
  EXPECT_EQ(seqs(log({.after = all[0].seq, .limit = 2})), (std::vector{all[1].seq, all[2].seq}));
  EXPECT_TRUE(log({.after = last.seq}).empty());
  EXPECT_EQ(seqs(log({.before = last.seq, .limit = 2})), (std::vector{all[2].seq, all[1].seq}));
  EXPECT_EQ(log({.before = UINT64_MAX}).front().seq, last.seq);
  EXPECT_TRUE(log({.before = all[0].seq}).empty());
  EXPECT_TRUE(log({.limit = 0}).empty());
}

TEST_P(StoreAuditContract, TheLogIsReadByUserAndKind) {
  for (const char* tag : {"a", "b"}) sign_in("wallet", tag);
  sign_in("other", "c");
  end("sid-c/user-c", Errc::ended_by_operator);
  EXPECT_EQ(log({.user_id = "user-a"}).size(), 3U);
  EXPECT_EQ(log({.user_id = "user-c"}).size(), 3U);
  EXPECT_EQ(log({.kinds = {"signin"}}).size(), 3U);
  EXPECT_EQ(log({.kinds = {"signin", "operator"}}).size(), 4U);
  EXPECT_EQ(log({.user_id = "user-c", .kinds = {"operator"}}).size(), 1U);
  EXPECT_EQ(log({.user_id = "user-c", .kinds = {"operator"}, .before = UINT64_MAX}).size(), 1U);
  EXPECT_TRUE(log({.user_id = "nobody"}).empty());
  EXPECT_TRUE(log({.kinds = {"sign"}}).empty());
}

TEST_P(StoreAuditContract, ARareRowIsFoundInALongLogFromBothEnds) {
  const auto note = [this](const std::string& user, std::size_t rows) {
    AuditRow row{.at = kContractStart, .kind = "refusal", .user_id = user};
    ASSERT_TRUE(run(store_->audit(std::vector<AuditRow>(rows, row))));
  };
  note("rare", 1);
  note("often", 12'000);
  note("rare", 1);
  note("often", 12'000);
  const auto forth = log({.user_id = "rare"});
  ASSERT_EQ(forth.size(), 2U);
  const auto back = log({.user_id = "rare", .before = UINT64_MAX});
  EXPECT_EQ(seqs(back), (std::vector{forth[1].seq, forth[0].seq}));
  EXPECT_EQ(log({.limit = 5'000}).size(), 1000U) << "a page has 1000 rows at most";
  // Pages of any size give every row once.
  std::uint64_t after = 0;
  std::size_t sum = 0;
  for (;;) {
    const auto rows = log({.user_id = "often", .after = after, .limit = 999});
    if (rows.empty()) break;
    sum += rows.size();
    after = rows.back().seq;
  }
  EXPECT_EQ(sum, 24'000U);
}

TEST_P(StoreAuditContract, ASeqIsNeverGivenTwice) {
  sign_in("wallet", "a");
  const std::uint64_t last = log({}).back().seq;
  const WallTime later = kContractStart + std::chrono::days(1);
  prune(kContractStart, later, kContractStart);
  const auto left = log({});
  ASSERT_EQ(left.size(), 1U) << "the newest row stays";
  EXPECT_EQ(left[0].seq, last);
  reopen();
  prune(kContractStart, later, kContractStart);
  sign_in("wallet", "b");
  EXPECT_GT(log({}).back().seq, last);
}

TEST_P(StoreAuditContract, APositionIsKeptByName) {
  EXPECT_EQ(*run(store_->position("hook")), 0U);
  ASSERT_TRUE(run(store_->set_position("hook", 7)));
  ASSERT_TRUE(run(store_->set_position("other", 9)));
  ASSERT_TRUE(run(store_->set_position("hook", 8)));
  EXPECT_EQ(*run(store_->position("hook")), 8U);
  reopen();
  EXPECT_EQ(*run(store_->position("hook")), 8U);
  EXPECT_EQ(*run(store_->position("other")), 9U);
}

TEST_P(StoreAuditContract, WhatEndedIsRemovedAfterAWhile) {
  SignedIn early = sign_in("wallet", "a");
  SignedIn late = sign_in("wallet", "b");
  SignedIn stands = sign_in("wallet", "c");
  end(early.session.sid, Errc::signed_out, kContractStart);
  end(late.session.sid, Errc::signed_out, kContractStart + std::chrono::milliseconds(1));
  const std::uint64_t last = control().back().seq;
  EXPECT_EQ(prune(kContractStart, kContractStart, kContractStart), 0U);
  // The session and its control row.
  EXPECT_EQ(prune(kContractStart, kContractStart, kContractStart + std::chrono::milliseconds(1)), 2U);
  EXPECT_EQ(run(store_->session(early.session.sid)).error().code, Errc::session_unknown);
  EXPECT_TRUE(run(store_->session(late.session.sid)).has_value());
  ASSERT_EQ(control().size(), 1U);
  EXPECT_EQ(control()[0].subject, late.session.sid);
  EXPECT_EQ(prune(kContractStart, kContractStart, kContractStart + std::chrono::hours(1)), 2U);
  EXPECT_FALSE(run(store_->session(stands.session.sid))->session.ended_at.has_value());
  EXPECT_TRUE(control().empty());
  EXPECT_GT(end(stands.session.sid, Errc::signed_out).control_seq, last) << "numbers go on";
  // Ended anew, nothing of the old is left to be ended.
  EXPECT_EQ(run(store_->end_session(early.session.sid, Errc::signed_out, kContractStart, "")).error().code,
            Errc::session_unknown);
}

TEST_P(StoreAuditContract, WhatExpiredIsRemovedAfterAWhile) {
  SignIn brief = make_sign_in("wallet", "a");
  brief.session.expires_at = kContractStart + std::chrono::hours(1);
  ASSERT_TRUE(run(store_->sign_in(brief)).has_value());
  sign_in("wallet", "b");
  const WallTime end = kContractStart + std::chrono::hours(1);
  EXPECT_EQ(prune(kContractStart, kContractStart, end), 0U);
  EXPECT_EQ(prune(kContractStart, kContractStart, end + std::chrono::milliseconds(1)), 1U);
  EXPECT_EQ(run(store_->session("sid-a/user-a")).error().code, Errc::session_unknown);
  EXPECT_TRUE(run(store_->session("sid-b/user-a")).has_value());
}

TEST_P(StoreAuditContract, ManyEndingsAreRemovedTogetherWithTheirSessions) {
  std::vector<Task<Result<SignedIn>>> tasks;
  for (int i = 0; i < 1500; ++i) tasks.push_back(store_->sign_in(make_sign_in("wallet", std::to_string(i))));
  const std::string user = run(gather(std::move(tasks))).front()->user.id;
  ASSERT_EQ(run(store_->end_sessions(user, "", Errc::signed_out, kContractStart, ""))->size(), 1500U);
  EXPECT_EQ(prune(kContractStart, kContractStart, kContractStart + std::chrono::seconds(1)), 3000U);
  EXPECT_TRUE(control().empty());
  EXPECT_EQ(run(store_->session("sid-7/" + user)).error().code, Errc::session_unknown);
}

TEST_P(StoreAuditContract, AStoreThatWasNeverRestoredSaysSo) { EXPECT_FALSE(run(store_->restored_at())->has_value()); }

}  // namespace gatecast::store
