// The cases of store/contract.hpp about what several nodes share: leases, the history's name, endings of trusted
// issuers' sessions, the count of an inbox's changes.
//
// Place: as contract_cases.hpp, which is included first.
#pragma once

#include "store/contract_notifications_cases.hpp"

namespace gatecast::store {

class StoreNodesContract : public StoreNotificationsContract {
 protected:
  bool lease(const std::string& name, const std::string& holder, std::chrono::milliseconds ttl) {
    auto taken = run(store_->lease(name, holder, ttl));
    EXPECT_TRUE(taken.has_value()) << taken.error().detail;
    return taken.value_or(false);
  }
  std::string history() {
    auto named = run(store_->history());
    EXPECT_TRUE(named.has_value()) << named.error().detail;
    return named.value_or("");
  }
  void end_foreign(const std::string& sid, const std::string& user, Errc reason, WallTime at) {
    auto ended = run(store_->end_foreign(sid, user, reason, at));
    EXPECT_TRUE(ended.has_value()) << ended.error().detail;
  }
};

TEST_P(StoreNodesContract, ALeaseHasOneHolderUntilItIsOver) {
  using namespace std::chrono_literals;
  EXPECT_TRUE(lease("hook", "a", 15s));
  EXPECT_FALSE(lease("hook", "b", 15s));
  EXPECT_TRUE(lease("other", "b", 15s)) << "names are apart";
  place_->clock().advance(10s);
  EXPECT_TRUE(lease("hook", "a", 15s)) << "renewed";
  place_->clock().advance(10s);
  EXPECT_FALSE(lease("hook", "b", 15s)) << "from the renewal on";
  place_->clock().advance(4'999ms);
  EXPECT_FALSE(lease("hook", "b", 15s));
  place_->clock().advance(1ms);
  EXPECT_TRUE(lease("hook", "b", 15s));
  EXPECT_FALSE(lease("hook", "a", 15s)) << "who had it has it no more";
}

TEST_P(StoreNodesContract, ALeaseIsGivenBackByItsHolderAlone) {
  using namespace std::chrono_literals;
  EXPECT_TRUE(lease("hook", "a", 15s));
  EXPECT_FALSE(lease("hook", "b", 0ms));
  EXPECT_FALSE(lease("hook", "b", 15s));
  EXPECT_TRUE(lease("hook", "a", 0ms));
  EXPECT_TRUE(lease("hook", "b", 15s));
  reopen();
  EXPECT_FALSE(lease("hook", "a", 15s)) << "leases are rows";
}

TEST_P(StoreNodesContract, OfManyWhoWantALeaseOneGetsIt) {
  std::vector<Task<Result<bool>>> wishes;
  for (int i = 0; i < 20; ++i) wishes.push_back(store_->lease("hook", fmt::format("n{}", i), std::chrono::seconds{15}));
  int got = 0;
  for (const auto& each : run(gather(std::move(wishes)))) got += each.has_value() && *each;
  EXPECT_EQ(got, 1);
}

TEST_P(StoreNodesContract, TheHistoryHasANameThatStays) {
  const std::string name = history();
  EXPECT_FALSE(name.empty());
  const SignedIn ann = sign_in("ann", "1");
  end(ann.session.sid, Errc::signed_out);
  EXPECT_EQ(history(), name) << "what is written changes nothing";
  reopen();
  EXPECT_EQ(history(), name);
}

TEST_P(StoreNodesContract, AnEndingOfATrustedIssuersSessionIsARowAmongTheOthers) {
  const SignedIn ann = sign_in("ann", "1");
  end(ann.session.sid, Errc::signed_out);
  const WallTime at = kContractStart + std::chrono::seconds{5};
  end_foreign("x:acme:j1", "acme:u1", Errc::ended_by_operator, at);
  const std::vector<ControlRow> rows = control();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].kind, "session_ended");
  EXPECT_GT(rows[1].seq, rows[0].seq);
  EXPECT_EQ(rows[1].kind, "foreign_ended");
  EXPECT_EQ(rows[1].subject, "x:acme:j1");
  EXPECT_EQ(rows[1].user_id, "acme:u1");
  EXPECT_EQ(rows[1].reason, Errc::ended_by_operator);
  EXPECT_EQ(rows[1].at, at);
  EXPECT_EQ(control(rows[0].seq).size(), 1U);
  auto since = run(store_->ended_since(at));
  ASSERT_TRUE(since.has_value());
  ASSERT_EQ(since->size(), 1U);
  EXPECT_EQ(since->front().kind, "foreign_ended");
  end_foreign("x:acme:j2", "", Errc::ended_by_operator, at);
  EXPECT_EQ(control().back().user_id, "") << "of one who was never seen nobody knows the user";
}

TEST_P(StoreNodesContract, AnInboxCountsItsChanges) {
  make_users({"ann", "bob"});
  EXPECT_EQ(page({.user_id = "ann"}).version, 0U);
  const auto made = notify(wish({"ann", "bob"}));
  EXPECT_EQ(made.at(0).version, 1U);
  EXPECT_EQ(made.at(1).version, 1U);
  const std::string second = notify_one("ann");
  EXPECT_EQ(page({.user_id = "ann"}).version, 2U);
  EXPECT_EQ(page({.user_id = "ann", .unread = true}).version, 2U);
  EXPECT_EQ(read("ann", {.kind = Kind::ids, .ids = {second}}).version, 3U);
  EXPECT_EQ(read("ann", {.kind = Kind::ids, .ids = {second}}).version, 3U) << "nothing changed";
  EXPECT_EQ(read("ann", {.kind = Kind::all}).version, 4U);
  EXPECT_EQ(remove("ann", {.kind = Kind::ids, .ids = {second}}).version, 5U);
  EXPECT_EQ(page({.user_id = "ann"}).version, 5U);
  EXPECT_EQ(page({.user_id = "bob"}).version, 1U) << "each user's is their own";
}

}  // namespace gatecast::store
