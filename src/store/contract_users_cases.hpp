// The cases of store/contract.hpp about users: what an application says of them, blocks and deletions.
//
// Place: as contract_cases.hpp, which is included first.
#pragma once

#include "store/contract_cases.hpp"

namespace gatecast::store {

inline UserChange make_change(const std::string& id) {
  UserChange change{.id = id};
  change.new_user.ref_code = "ref-" + id;
  change.new_user.created_at = kContractStart;
  return change;
}

inline IdentityRow make_identity(const std::string& kind, const std::string& subject) {
  return {.id = "id of " + subject, .user_id = {}, .kind = kind, .subject = subject};
}

/// The suite with one upsert at hand.
class StoreUsersContract : public StoreContract {
 protected:
  std::vector<UserChanged> upsert(std::vector<UserChange> changes, bool dry_run = false) {
    auto done = run(store_->upsert_users(std::move(changes), kContractStart, dry_run));
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    return done ? *done : std::vector<UserChanged>{};
  }
  UserChanged upsert_one(UserChange change) {
    auto done = upsert({std::move(change)});
    return done.empty() ? UserChanged{} : done.front();
  }
  Errc refused(UserChange change) {
    const UserChanged done = upsert_one(std::move(change));
    EXPECT_FALSE(done.ok);
    return done.refused;
  }
  UserView user(const std::string& id) {
    auto view = run(store_->user(id));
    EXPECT_TRUE(view.has_value()) << id;
    return view ? *view : UserView{};
  }
  Errc code_of_user(const std::string& id) {
    auto view = run(store_->user(id));
    return view ? Errc::internal : view.error().code;
  }
};

TEST_P(StoreUsersContract, AChangeMakesAUserWithAllThatIsSaid) {
  sign_in("wallet", "r");
  UserChange change = make_change("App.User_1@x-y");
  change.nickname = "Nick \xF0\x9F\x90\x9D";
  change.avatar = "https://example.org/a.png";
  change.claims = R"({"plan":"gold"})";
  change.is_creator = true;
  change.is_verified = true;
  change.referrer = "user-r";
  IdentityRow telegram = make_identity("telegram", "42");
  telegram.profile = R"({"username":"nick"})";
  change.identities = {make_identity("ethereum", "0xabc"), telegram};
  const UserChanged done = upsert_one(change);
  EXPECT_TRUE(done.ok);
  EXPECT_TRUE(done.created);
  EXPECT_TRUE(done.changed);
  EXPECT_EQ(done.user.nickname, change.nickname);

  const UserView view = user("App.User_1@x-y");
  EXPECT_EQ(view.user.nickname, change.nickname);
  EXPECT_EQ(view.user.avatar, change.avatar);
  EXPECT_EQ(view.user.claims, change.claims);
  EXPECT_EQ(view.user.ref_code, "ref-App.User_1@x-y");
  EXPECT_EQ(view.user.referrer, "user-r");
  EXPECT_TRUE(view.user.is_creator);
  EXPECT_TRUE(view.user.is_verified);
  EXPECT_FALSE(view.user.blocked);
  EXPECT_EQ(view.user.created_at, kContractStart);
  ASSERT_EQ(view.identities.size(), 2U);
  const auto& stored = view.identities[0].kind == "telegram" ? view.identities[0] : view.identities[1];
  EXPECT_EQ(stored.user_id, "App.User_1@x-y");
  EXPECT_EQ(stored.subject, "42");
  EXPECT_EQ(stored.profile, telegram.profile);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin", "user_created", "linked", "linked"}));
  // A proof of the identity finds the user.
  SignIn proof = make_sign_in("0xabc", "p");
  proof.kind = "ethereum";
  EXPECT_EQ(run(store_->sign_in(proof))->user.id, "App.User_1@x-y");
}

TEST_P(StoreUsersContract, TheSameChangeAgainChangesNothing) {
  UserChange change = make_change("u");
  change.nickname = "nick";
  change.claims = "{\"a\":1}";
  change.identities = {make_identity("solana", "s")};
  EXPECT_TRUE(upsert_one(change).changed);
  const auto before = audit_kinds();
  const UserChanged again = upsert_one(change);
  EXPECT_TRUE(again.ok);
  EXPECT_FALSE(again.created);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.user.nickname, "nick");
  EXPECT_EQ(audit_kinds(), before);
}

TEST_P(StoreUsersContract, WhatIsNotSaidStaysAndWhatDiffersIsNamed) {
  UserChange change = make_change("u");
  change.nickname = "nick";
  change.avatar = "a";
  change.is_creator = true;
  upsert_one(change);
  UserChange next = make_change("u");
  next.new_user.ref_code = "another";
  next.new_user.created_at = kContractStart + std::chrono::days(1);
  next.avatar = "b";
  next.is_creator = true;
  const UserChanged done = upsert_one(next);
  EXPECT_TRUE(done.changed);
  EXPECT_FALSE(done.created);
  const UserRow row = user("u").user;
  EXPECT_EQ(row.nickname, "nick");
  EXPECT_EQ(row.avatar, "b");
  EXPECT_TRUE(row.is_creator);
  EXPECT_EQ(row.ref_code, "ref-u");
  EXPECT_EQ(row.created_at, kContractStart);
  const AuditRow noted = place_->audit_rows().back();
  EXPECT_EQ(noted.kind, "user_changed");
  EXPECT_EQ(noted.user_id, "u");
  EXPECT_EQ(noted.detail, "avatar") << "names, never values";
}

TEST_P(StoreUsersContract, ReferralCodesStayUnique) {
  upsert_one(make_change("a"));
  UserChange taken = make_change("b");
  taken.ref_code = "ref-a";
  taken.nickname = "not to be";
  EXPECT_EQ(refused(taken), Errc::ref_code_taken);
  EXPECT_EQ(code_of_user("b"), Errc::user_unknown);
  // A code that was only proposed is replaced; one's own is no conflict.
  UserChange proposed = make_change("c");
  proposed.new_user.ref_code = "ref-a";
  const UserChanged made = upsert_one(proposed);
  EXPECT_TRUE(made.ok);
  EXPECT_NE(made.user.ref_code, "ref-a");
  UserChange own = make_change("a");
  own.ref_code = "ref-a";
  EXPECT_FALSE(upsert_one(own).changed);
  own.ref_code = "fresh";
  EXPECT_TRUE(upsert_one(own).changed);
  SignIn referred = make_sign_in("wallet", "r");
  referred.ref_code = "fresh";
  EXPECT_EQ(run(store_->sign_in(referred))->user.referrer, "a");
  // Without any code one is made.
  UserChange none = make_change("d");
  none.new_user.ref_code.clear();
  EXPECT_EQ(upsert_one(none).user.ref_code.size(), 8U);
}

TEST_P(StoreUsersContract, AReferrerCountsOnceAndNeverOneself) {
  upsert({make_change("a"), make_change("b")});
  const auto referring = [](const std::string& id, const std::string& by) {
    UserChange change = make_change(id);
    change.referrer = by;
    return change;
  };
  EXPECT_FALSE(upsert_one(referring("a", "a")).changed);
  EXPECT_FALSE(upsert_one(referring("new", "new")).user.referrer.has_value());
  EXPECT_FALSE(upsert_one(referring("a", "nobody")).changed);
  EXPECT_TRUE(upsert_one(referring("a", "b")).changed);
  EXPECT_FALSE(upsert_one(referring("a", "new")).changed);
  EXPECT_EQ(user("a").user.referrer, "b");
}

TEST_P(StoreUsersContract, AnIdentityIsNeverTakenFromAnother) {
  SignedIn owner = sign_in("wallet", "a");
  UserChange change = make_change("thief");
  change.nickname = "thief";
  change.identities = {make_identity("ethereum", "0xown"), make_identity("solana", "wallet")};
  EXPECT_EQ(refused(change), Errc::identity_taken);
  EXPECT_EQ(code_of_user("thief"), Errc::user_unknown);
  EXPECT_EQ(run(store_->user_of("ethereum", "0xown")).error().code, Errc::user_unknown);
  EXPECT_EQ(run(store_->user_of("solana", "wallet"))->user.id, owner.user.id);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin"}));
}

TEST_P(StoreUsersContract, ARefusalLeavesTheOthersAlone) {
  sign_in("wallet", "a");
  UserChange thief = make_change("thief");
  thief.identities = {make_identity("solana", "wallet")};
  const auto done = upsert({make_change("one"), thief, make_change("two")});
  ASSERT_EQ(done.size(), 3U);
  EXPECT_TRUE(done[0].ok);
  EXPECT_FALSE(done[1].ok);
  EXPECT_EQ(done[1].user.id, "thief");
  EXPECT_TRUE(done[2].ok);
  EXPECT_EQ(user("one").user.id, "one");
  EXPECT_EQ(user("two").user.id, "two");
}

TEST_P(StoreUsersContract, AUserHasSixteenIdentitiesAtMost) {
  UserChange change = make_change("u");
  for (std::size_t i = 0; i < kIdentitiesMax; ++i) {
    change.identities.push_back(make_identity("solana", "s" + std::to_string(i)));
  }
  EXPECT_TRUE(upsert_one(change).ok);
  UserChange more = make_change("u");
  more.nickname = "not to be";
  more.identities = {make_identity("solana", "s0"), make_identity("solana", "one more")};
  EXPECT_EQ(refused(more), Errc::identity_limit);
  EXPECT_EQ(user("u").user.nickname, "");
  EXPECT_EQ(user("u").identities.size(), kIdentitiesMax);
}

TEST_P(StoreUsersContract, AnIdentitysProfileIsLeftWhereNothingIsSaid) {
  UserChange change = make_change("u");
  change.identities = {make_identity("telegram", "42")};
  change.identities[0].profile = R"({"username":"a"})";
  upsert_one(change);
  change.identities[0].profile = "{}";
  EXPECT_FALSE(upsert_one(change).changed);
  EXPECT_EQ(user("u").identities[0].profile, R"({"username":"a"})");
  change.identities[0].profile = R"({"username":"b"})";
  EXPECT_TRUE(upsert_one(change).changed);
  EXPECT_EQ(user("u").identities[0].profile, R"({"username":"b"})");
}

TEST_P(StoreUsersContract, ADryRunSaysWhatWouldBeAndChangesNothing) {
  upsert_one(make_change("a"));
  UserChange first = make_change("b");
  first.identities = {make_identity("solana", "s")};
  UserChange second = make_change("c");
  second.identities = {make_identity("solana", "s")};
  UserChange known = make_change("a");
  known.nickname = "nick";
  const auto before = audit_kinds();
  const auto would = upsert({first, second, known}, true);
  ASSERT_EQ(would.size(), 3U);
  EXPECT_TRUE(would[0].ok && would[0].created);
  EXPECT_FALSE(would[1].ok);
  EXPECT_EQ(would[1].refused, Errc::identity_taken);
  EXPECT_TRUE(would[2].ok && would[2].changed);
  EXPECT_EQ(would[2].user.nickname, "nick");
  EXPECT_EQ(code_of_user("b"), Errc::user_unknown);
  EXPECT_EQ(user("a").user.nickname, "");
  EXPECT_EQ(audit_kinds(), before);
  EXPECT_TRUE(upsert_one(second).ok);
}

TEST_P(StoreUsersContract, AThousandAtOnceAndNoMore) {
  std::vector<UserChange> changes;
  for (int i = 0; i < 1000; ++i) changes.push_back(make_change("u" + std::to_string(1000 + i)));
  const auto done = upsert(changes);
  ASSERT_EQ(done.size(), 1000U);
  for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i].user.id, changes[i].id);
  EXPECT_EQ(upsert({}).size(), 0U);
  changes.push_back(make_change("u0"));
  EXPECT_EQ(run(store_->upsert_users(changes, kContractStart, false)).error().code, Errc::overloaded);
  EXPECT_EQ(code_of_user("u0"), Errc::user_unknown);

  // Pages in the order of ids, each user once.
  std::vector<std::string> listed;
  for (std::string after;;) {
    auto page = *run(store_->users(after, 300));
    if (page.empty()) break;
    EXPECT_LE(page.size(), 300U);
    for (const auto& view : page) listed.push_back(view.user.id);
    after = listed.back();
  }
  ASSERT_EQ(listed.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(listed.begin(), listed.end()));
  EXPECT_EQ(listed.front(), "u1000");
  EXPECT_TRUE(run(store_->users("", 0))->empty());
  EXPECT_EQ(run(store_->users("u1998", 10))->size(), 1U);
}

TEST_P(StoreUsersContract, UsersAreListedWithTheirIdentities) {
  UserChange many = make_change("b");
  many.identities = {make_identity("solana", "s1"), make_identity("ethereum", "e1")};
  many.identities[0].created_at = kContractStart + std::chrono::seconds(2);
  many.identities[1].created_at = kContractStart + std::chrono::seconds(1);
  upsert({make_change("a"), many, make_change("c")});
  auto page = *run(store_->users("", 2));
  ASSERT_EQ(page.size(), 2U) << "the limit counts users, not identities";
  EXPECT_EQ(page[0].user.id, "a");
  EXPECT_TRUE(page[0].identities.empty());
  EXPECT_EQ(page[1].user.id, "b");
  ASSERT_EQ(page[1].identities.size(), 2U);
  EXPECT_EQ(page[1].identities[0].subject, "e1") << "the oldest first";
}

TEST_P(StoreUsersContract, ABlockEndsEverySessionAndRaisesTheEpoch) {
  Strings sids;
  for (const char* tag : {"a", "b"}) sids.push_back(sign_in("wallet", tag).session.sid);
  const std::string stranger = sign_in("stranger", "c").session.sid;
  const Blocked done = block("user-a");
  EXPECT_TRUE(done.now);
  EXPECT_TRUE(done.user.blocked);
  EXPECT_EQ(done.user.session_epoch, 1U);
  ASSERT_EQ(done.ended.size(), 2U);
  for (const auto& sid : sids) {
    EXPECT_EQ(run(store_->session(sid))->session.end_reason, Errc::user_blocked);
  }
  EXPECT_FALSE(run(store_->session(stranger))->session.ended_at.has_value());
  EXPECT_EQ(user("user-a").user.session_epoch, 1U);
  ASSERT_EQ(control().size(), 2U);
  EXPECT_EQ(control()[0].reason, Errc::user_blocked);
  const auto rows = place_->audit_rows();
  ASSERT_EQ(rows.size(), 8U);
  EXPECT_EQ(rows[5].kind, "user_blocked");
  EXPECT_EQ(rows[5].user_id, "user-a");
  EXPECT_EQ(rows[5].detail, "the operator");
  EXPECT_EQ(rows[5].ip, "192.0.2.9");
  EXPECT_EQ(rows[6].kind, "operator");
  EXPECT_EQ(rows[6].code, "user_blocked");
}

TEST_P(StoreUsersContract, BlockingTwiceIsOnceAndUnblockingRevivesNoSession) {
  SignedIn done = sign_in("wallet", "a");
  block("user-a");
  const Blocked again = block("user-a");
  EXPECT_FALSE(again.now);
  EXPECT_TRUE(again.ended.empty());
  EXPECT_EQ(again.user.session_epoch, 1U);
  const Blocked free = block("user-a", false);
  EXPECT_TRUE(free.now);
  EXPECT_FALSE(free.user.blocked);
  EXPECT_FALSE(block("user-a", false).now);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin", "user_blocked", "operator", "user_unblocked"}));
  EXPECT_EQ(run(store_->session(done.session.sid))->session.end_reason, Errc::user_blocked);
  EXPECT_FALSE(sign_in("wallet", "b").created);
  EXPECT_EQ(run(store_->block_user("nobody", true, kContractStart, "", "")).error().code, Errc::user_unknown);
}

TEST_P(StoreUsersContract, ABlockedUserGetsNoSessionByAnyWay) {
  SignedIn done = sign_in("wallet", "a");
  block("user-a");
  EXPECT_EQ(run(store_->sign_in(make_sign_in("wallet", "b"))).error().code, Errc::user_blocked);
  SignIn minted = make_sign_in("", "c");
  minted.kind.clear();
  minted.new_user.id = "user-a";
  EXPECT_EQ(run(store_->sign_in(minted)).error().code, Errc::user_blocked);
  Link link{.nonce = "n", .nonce_expires = kContractStart, .identity = make_identity("ethereum", "0x1")};
  link.identity.user_id = "user-a";
  EXPECT_EQ(run(store_->link(link)).error().code, Errc::user_blocked);
}

/// One loop's share of the race: signs in until a block refuses it, and renews what it got.
inline Task<int> sign_in_until_blocked(Store& store, std::string tag, std::vector<std::string>& sids) {
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = tag + "-" + std::to_string(i);
    Result<SignedIn> done = co_await store.sign_in(make_sign_in("wallet", id));
    if (!done) co_return done.error().code == Errc::user_blocked ? 0 : 1;
    sids.push_back(done->session.sid);
    Renewal renewal{.sid = done->session.sid, .secret_hash = "secret of " + id};
    renewal.decide = [](const RotationRow& row, WallTime) -> RotationDecision {
      if (row.end_reason || row.blocked) return {.reason = Errc::user_blocked};
      return {.kind = RotationDecision::Kind::rotate, .gen = row.gen + 1, .expires_at = row.expires_at};
    };
    Result<Renewed> renewed = co_await store.renew(std::move(renewal));
    if (!renewed) co_return 1;
  }
  co_return 1;
}

TEST_P(StoreUsersContract, AfterABlockNoSessionStandsAndNoneIsMade) {
  sign_in("wallet", "first");
  constexpr int kThreads = 4;
  std::array<int, kThreads> wrong{};
  std::array<std::vector<std::string>, kThreads> sids;
  std::atomic<int> under_way{0};
  std::vector<SessionRow> at_block;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, t, &wrong, &sids, &under_way] {
        ManualClock clock;
        ManualLoop loop(clock);
        ++under_way;
        wrong[t] = loop.run(sign_in_until_blocked(*store_, std::to_string(t), sids[t]));
      });
    }
    while (under_way < kThreads) std::this_thread::yield();
    // Some sessions are there before it comes.
    while (run(store_->sessions_of("user-first", kContractStart))->size() < 20) std::this_thread::yield();
    block("user-first");
    at_block = *run(store_->sessions_of("user-first", kContractStart));
  }
  EXPECT_TRUE(at_block.empty()) << at_block.size() << " stood after the block was answered";
  EXPECT_EQ(wrong, (std::array<int, kThreads>{}));
  EXPECT_TRUE(run(store_->sessions_of("user-first", kContractStart))->empty());
  std::size_t made = 1;
  for (const auto& some : sids) made += some.size();
  EXPECT_EQ(control().size(), std::min<std::size_t>(made, 1000));
}

TEST_P(StoreUsersContract, ADeletionRemovesAllThatIsPersonal) {
  SignIn referred = make_sign_in("other", "b");
  SignedIn gone = sign_in("wallet", "a");
  referred.ref_code = "ref-a";
  ASSERT_TRUE(run(store_->sign_in(referred)).has_value());
  SignedIn ended = sign_in("wallet", "c");
  end(ended.session.sid, Errc::signed_out);
  const WallTime at = kContractStart + std::chrono::minutes(1);
  auto done = run(store_->delete_user("user-a", at, "the operator"));
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  ASSERT_EQ(done->size(), 1U);
  EXPECT_EQ((*done)[0].sid, gone.session.sid);
  EXPECT_EQ((*done)[0].end_reason, Errc::ended_by_operator);

  EXPECT_EQ(code_of_user("user-a"), Errc::user_unknown);
  EXPECT_EQ(run(store_->user_of("solana", "wallet")).error().code, Errc::user_unknown);
  for (const auto& sid : {gone.session.sid, ended.session.sid}) {
    EXPECT_EQ(run(store_->session(sid)).error().code, Errc::session_unknown);
  }
  EXPECT_FALSE(user("user-b").user.referrer.has_value());
  for (const AuditRow& row : place_->audit_rows()) {
    if (row.user_id != "user-a") continue;
    EXPECT_EQ(row.ip, "") << row.kind;
    EXPECT_EQ(row.detail, row.kind == "user_deleted" ? "the operator" : "") << row.kind;
  }
  EXPECT_EQ(place_->audit_rows()[2].ip, "192.0.2.1") << "another's rows stay";
  EXPECT_EQ(place_->audit_rows().back().kind, "user_deleted");
  // The endings go on to be known.
  const auto since = *run(store_->ended_since(kContractStart));
  ASSERT_EQ(since.size(), 2U);
  EXPECT_EQ(since[1].subject, gone.session.sid);
  EXPECT_EQ(since[1].reason, Errc::ended_by_operator);
  // Who comes again is someone new.
  EXPECT_TRUE(sign_in("wallet", "d").created);
  EXPECT_EQ(run(store_->delete_user("user-a", at, "")).error().code, Errc::user_unknown);
}

TEST_P(StoreUsersContract, ADeletionReachesALongAuditLog) {
  SignedIn gone = sign_in("wallet", "a");
  for (int round = 0; round < 3; ++round) {
    std::vector<AuditRow> rows(9'000, AuditRow{.at = kContractStart, .kind = "refusal"});
    for (std::size_t i = 0; i < rows.size(); i += 4) {
      rows[i].user_id = "user-a";
      rows[i].ip = "192.0.2.1";
    }
    ASSERT_TRUE(run(store_->audit(std::move(rows))));
  }
  ASSERT_TRUE(run(store_->delete_user("user-a", kContractStart, "")).has_value());
  std::size_t left = 0;
  for (const AuditRow& row : place_->audit_rows()) left += row.ip.empty() ? 0 : 1;
  EXPECT_EQ(left, 0U);
}

}  // namespace gatecast::store
