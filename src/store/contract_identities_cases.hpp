// The cases of store/contract.hpp about identities: sign-ins with and without one, reloads, linking and unlinking.
//
// Place: as contract_cases.hpp, which is included first.
#pragma once

#include "store/contract_users_cases.hpp"

namespace gatecast::store {

class StoreIdentitiesContract : public StoreUsersContract {
 protected:
  Result<SignedIn> try_sign_in(SignIn request) { return run(store_->sign_in(std::move(request))); }
  Errc code_of(SignIn request) {
    auto done = try_sign_in(std::move(request));
    return done ? Errc::internal : done.error().code;
  }
  Result<Linked> link(const std::string& user_id, const std::string& kind, const std::string& subject,
                      const std::string& nonce) {
    Link request{.nonce = nonce,
                 .nonce_expires = kContractStart + std::chrono::minutes(5),
                 .identity = make_identity(kind, subject),
                 .sid = "the sid",
                 .ip = "192.0.2.7"};
    request.identity.user_id = user_id;
    request.identity.created_at = kContractStart + std::chrono::seconds(1);
    return run(store_->link(request));
  }
  Result<Unlinked> unlink(const std::string& user_id, const std::string& identity_id) {
    return run(store_->unlink(user_id, identity_id, kContractStart, "192.0.2.7"));
  }
  /// A sign-in by initData, which a reload of its page brings again.
  static SignIn page(const std::string& tag, const std::string& ip = "192.0.2.1") {
    SignIn request = make_sign_in("42", tag);
    request.kind = "telegram";
    request.nonce = "the page";
    request.reload_window = std::chrono::seconds(60);
    request.session.ip = ip;
    return request;
  }
};

TEST_P(StoreIdentitiesContract, AProfileIsWrittenWhereItDiffers) {
  SignIn request = make_sign_in("42", "a");
  request.kind = "telegram";
  request.profile = R"({"username":"a"})";
  SignedIn first = *try_sign_in(request);
  EXPECT_EQ(first.profile, request.profile);
  EXPECT_EQ(run(store_->session(first.session.sid))->profile, request.profile);
  EXPECT_EQ(run(store_->session(first.session.sid))->kind, "telegram");
  SignIn silent = make_sign_in("42", "b");
  silent.kind = "telegram";
  EXPECT_EQ(try_sign_in(silent)->profile, request.profile);
  SignIn renamed = make_sign_in("42", "c");
  renamed.kind = "telegram";
  renamed.profile = R"({"username":"b"})";
  EXPECT_EQ(try_sign_in(renamed)->profile, renamed.profile);
  EXPECT_EQ(run(store_->session(first.session.sid))->profile, renamed.profile) << "it is the identity's";
  EXPECT_EQ(sign_in("wallet", "d").profile, "{}");
}

TEST_P(StoreIdentitiesContract, ANewUsersMembersAreKept) {
  SignIn request = make_sign_in("wallet", "a");
  request.new_user.id = "application's own";
  request.new_user.claims = R"({"plan":"free"})";
  request.new_user.is_verified = true;
  SignedIn done = *try_sign_in(request);
  EXPECT_EQ(done.user.claims, request.new_user.claims);
  const UserRow row = user("application's own").user;
  EXPECT_EQ(row.claims, request.new_user.claims);
  EXPECT_TRUE(row.is_verified);
  EXPECT_EQ(run(store_->session(done.session.sid))->user.claims, request.new_user.claims);
}

TEST_P(StoreIdentitiesContract, ClosedRegistrationKnowsOnlyWhoIsKnown) {
  SignIn unknown = make_sign_in("wallet", "a");
  unknown.may_register = false;
  EXPECT_EQ(code_of(unknown), Errc::registration_closed);
  EXPECT_TRUE(audit_kinds().empty());
  unknown.may_register = true;
  EXPECT_TRUE(try_sign_in(unknown)->created) << "the nonce was not consumed";
  SignIn known = make_sign_in("wallet", "b");
  known.may_register = false;
  EXPECT_FALSE(try_sign_in(known)->created);
}

TEST_P(StoreIdentitiesContract, ABackEndsSessionNeedsNoIdentity) {
  SignIn request = make_sign_in("", "a");
  request.kind.clear();
  request.nonce.clear();
  request.new_user.id = "app-7";
  request.session.how = "api";
  request.may_register = false;
  EXPECT_EQ(code_of(request), Errc::registration_closed);
  request.may_register = true;
  SignedIn made = *try_sign_in(request);
  EXPECT_TRUE(made.created);
  EXPECT_EQ(made.user.id, "app-7");
  EXPECT_EQ(made.session.identity_id, "");
  EXPECT_EQ(made.profile, "{}");
  EXPECT_TRUE(user("app-7").identities.empty());
  const SessionView view = *run(store_->session(made.session.sid));
  EXPECT_EQ(view.user.id, "app-7");
  EXPECT_EQ(view.subject, "");
  EXPECT_EQ(view.kind, "");
  EXPECT_EQ(view.profile, "{}");
  // Without a nonce nothing is consumed: it works again, for the user that is there.
  SignIn again = request;
  again.session.how = "api";
  again.sid_for = [](std::string_view) { return std::string("another sid"); };
  again.may_register = false;
  EXPECT_FALSE(try_sign_in(again)->created);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin", "signin"}));
}

TEST_P(StoreIdentitiesContract, AReloadedPageHasItsSessionAgain) {
  SignedIn first = *try_sign_in(page("a"));
  EXPECT_FALSE(first.repeated);
  const auto before = audit_kinds();
  place_->clock().advance(std::chrono::seconds(60));
  SignedIn again = *try_sign_in(page("b", "192.0.2.200"));
  EXPECT_TRUE(again.repeated);
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.session.sid, first.session.sid);
  EXPECT_EQ(again.user.id, first.user.id);
  EXPECT_EQ(again.session.ip, "192.0.2.1");
  EXPECT_TRUE(again.ended.empty());
  EXPECT_EQ(audit_kinds(), before);
  EXPECT_EQ(run(store_->sessions_of(first.user.id, kContractStart))->size(), 1U);
  place_->clock().advance(std::chrono::milliseconds(1));
  EXPECT_EQ(code_of(page("c")), Errc::nonce_used);
}

TEST_P(StoreIdentitiesContract, AReloadIsJudgedByTheStoresClockInBothDirections) {
  ASSERT_TRUE(try_sign_in(page("a")).has_value());
  place_->clock().step_wall(-std::chrono::seconds(60));
  EXPECT_TRUE(try_sign_in(page("b"))->repeated);
  place_->clock().step_wall(-std::chrono::milliseconds(1));
  EXPECT_EQ(code_of(page("c")), Errc::nonce_used);
}

TEST_P(StoreIdentitiesContract, AReloadFromElsewhereIsAReplay) {
  ASSERT_TRUE(try_sign_in(page("a")).has_value());
  EXPECT_EQ(code_of(page("b", "192.0.3.1")), Errc::nonce_used);
  EXPECT_EQ(code_of(page("c", "2001:db8::1")), Errc::nonce_used);
  EXPECT_EQ(code_of(page("d", "")), Errc::nonce_used);
  EXPECT_TRUE(try_sign_in(page("e"))->repeated);
}

TEST_P(StoreIdentitiesContract, AReloadOverIPv6IsJudgedByThePrefixOf64) {
  SignIn first = page("a", "2001:db8:1:2::1");
  ASSERT_TRUE(try_sign_in(first).has_value());
  EXPECT_TRUE(try_sign_in(page("b", "2001:db8:1:2:ffff::9"))->repeated);
  EXPECT_EQ(code_of(page("c", "2001:db8:1:3::1")), Errc::nonce_used);
}

TEST_P(StoreIdentitiesContract, AReloadNeedsASessionThatStands) {
  SignedIn first = *try_sign_in(page("a"));
  end(first.session.sid, Errc::signed_out);
  EXPECT_EQ(code_of(page("b")), Errc::nonce_used);
  SignIn brief = page("c");
  brief.nonce = "another page";
  brief.session.expires_at = kContractStart + std::chrono::seconds(30);
  ASSERT_TRUE(try_sign_in(brief).has_value());
  place_->clock().advance(std::chrono::seconds(30));
  EXPECT_EQ(code_of(brief), Errc::nonce_used);
}

TEST_P(StoreIdentitiesContract, AReloadIsOfTheSameIdentityAndAskedFor) {
  ASSERT_TRUE(try_sign_in(page("a")).has_value());
  SignIn other = page("b");
  other.subject = "43";
  EXPECT_EQ(code_of(other), Errc::nonce_used);
  SignIn once = page("c");
  once.reload_window = {};
  EXPECT_EQ(code_of(once), Errc::nonce_used);
  // A nonce that was used without a window belongs to no session.
  SignIn first = page("d");
  first.nonce = "single";
  first.reload_window = {};
  ASSERT_TRUE(try_sign_in(first).has_value());
  SignIn second = page("e");
  second.nonce = "single";
  EXPECT_EQ(code_of(second), Errc::nonce_used);
}

TEST_P(StoreIdentitiesContract, ManyLoadsOfOnePageAtOnceMakeOneSession) {
  std::vector<Task<Result<SignedIn>>> tasks;
  for (int i = 0; i < 40; ++i) tasks.push_back(store_->sign_in(page(std::to_string(i))));
  std::string sid;
  int repeated = 0;
  for (const auto& result : run(gather(std::move(tasks)))) {
    ASSERT_TRUE(result.has_value());
    if (sid.empty()) sid = result->session.sid;
    EXPECT_EQ(result->session.sid, sid);
    repeated += result->repeated ? 1 : 0;
  }
  EXPECT_EQ(repeated, 39);
}

TEST_P(StoreIdentitiesContract, ALinkedIdentityLeadsToItsUser) {
  SignedIn done = sign_in("wallet", "a");
  auto linked = link("user-a", "ethereum", "0x1", "n1");
  ASSERT_TRUE(linked.has_value()) << linked.error().detail;
  EXPECT_TRUE(linked->now);
  EXPECT_EQ(linked->identity.user_id, "user-a");
  const AuditRow noted = place_->audit_rows().back();
  EXPECT_EQ(noted.kind, "linked");
  EXPECT_EQ(noted.user_id, "user-a");
  EXPECT_EQ(noted.sid, "the sid");
  EXPECT_EQ(noted.ip, "192.0.2.7");
  EXPECT_EQ(noted.detail, "ethereum 0x1");
  const UserView view = *run(store_->user_of("ethereum", "0x1"));
  EXPECT_EQ(view.user.id, "user-a");
  ASSERT_EQ(view.identities.size(), 2U);
  EXPECT_EQ(view.identities[0].subject, "wallet");
  EXPECT_EQ(view.identities[1].subject, "0x1");
  SignIn proof = make_sign_in("0x1", "b");
  proof.kind = "ethereum";
  SignedIn second = *try_sign_in(proof);
  EXPECT_EQ(second.user.id, "user-a");
  EXPECT_EQ(run(store_->session(second.session.sid))->subject, "0x1");
  EXPECT_EQ(run(store_->session(done.session.sid))->subject, "wallet");
}

TEST_P(StoreIdentitiesContract, WhatALinkRefusesChangesNothing) {
  sign_in("wallet", "a");
  sign_in("other", "b");
  const auto before = audit_kinds();
  EXPECT_EQ(link("user-a", "solana", "other", "n1").error().code, Errc::identity_taken);
  EXPECT_EQ(link("nobody", "ethereum", "0x1", "n1").error().code, Errc::user_unknown);
  EXPECT_EQ(user("user-a").identities.size(), 1U);
  EXPECT_EQ(audit_kinds(), before);
  EXPECT_TRUE(link("user-a", "ethereum", "0x1", "n1").has_value()) << "refusals consumed no nonce";
  EXPECT_EQ(link("user-a", "ethereum", "0x2", "n1").error().code, Errc::nonce_used);
  EXPECT_EQ(link("user-a", "ethereum", "0x2", "nonce-a").error().code, Errc::nonce_used);
}

TEST_P(StoreIdentitiesContract, LinkingWhatOneHasIsOnceAndBringsItsProfile) {
  sign_in("wallet", "a");
  ASSERT_TRUE(link("user-a", "telegram", "42", "n1")->now);
  const auto before = audit_kinds();
  Link again{.nonce = "n2", .nonce_expires = kContractStart, .identity = make_identity("telegram", "42")};
  again.identity.id = "another id";
  again.identity.user_id = "user-a";
  again.identity.profile = R"({"username":"a"})";
  auto linked = run(store_->link(again));
  ASSERT_TRUE(linked.has_value());
  EXPECT_FALSE(linked->now);
  EXPECT_EQ(linked->identity.id, "id of 42");
  EXPECT_EQ(linked->identity.profile, again.identity.profile);
  EXPECT_EQ(audit_kinds(), before);
  EXPECT_EQ(user("user-a").identities.size(), 2U);
  EXPECT_EQ(link("user-a", "telegram", "42", "n2").error().code, Errc::nonce_used);
}

TEST_P(StoreIdentitiesContract, LinksStopAtTheLimit) {
  sign_in("wallet", "a");
  for (std::size_t i = 1; i < kIdentitiesMax; ++i) {
    ASSERT_TRUE(link("user-a", "ethereum", std::to_string(i), "n" + std::to_string(i)).has_value());
  }
  EXPECT_EQ(link("user-a", "ethereum", "16", "n16").error().code, Errc::identity_limit);
  EXPECT_FALSE(link("user-a", "ethereum", "1", "n17")->now);
}

TEST_P(StoreIdentitiesContract, AnUnlinkedIdentityTakesItsSessionsAlong) {
  SignedIn kept = sign_in("wallet", "a");
  ASSERT_TRUE(link("user-a", "ethereum", "0x1", "n1").has_value());
  SignIn proof = make_sign_in("0x1", "b");
  proof.kind = "ethereum";
  SignedIn gone = *try_sign_in(proof);
  auto done = unlink("user-a", "id of 0x1");
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(done->identity.subject, "0x1");
  ASSERT_EQ(done->ended.size(), 1U);
  EXPECT_EQ(done->ended[0].sid, gone.session.sid);
  EXPECT_EQ(done->ended[0].end_reason, Errc::identity_unlinked);
  EXPECT_EQ(run(store_->session(gone.session.sid))->session.end_reason, Errc::identity_unlinked);
  EXPECT_EQ(run(store_->session(gone.session.sid))->subject, "");
  EXPECT_FALSE(run(store_->session(kept.session.sid))->session.ended_at.has_value());
  ASSERT_EQ(control().size(), 1U);
  EXPECT_EQ(control()[0].subject, gone.session.sid);
  EXPECT_EQ(control()[0].reason, Errc::identity_unlinked);
  EXPECT_EQ(audit_kinds(), (Strings{"user_created", "signin", "linked", "signin", "unlinked", "ended"}));
  EXPECT_EQ(run(store_->user_of("ethereum", "0x1")).error().code, Errc::user_unknown);
  SignIn again = make_sign_in("0x1", "c");
  again.kind = "ethereum";
  EXPECT_TRUE(try_sign_in(again)->created) << "it is free for another account";
}

TEST_P(StoreIdentitiesContract, OnlyOnesOwnAndNeverTheLastIdentityGoes) {
  sign_in("wallet", "a");
  sign_in("other", "b");
  EXPECT_EQ(unlink("user-a", "identity-a").error().code, Errc::identity_last);
  EXPECT_EQ(unlink("user-a", "identity-b").error().code, Errc::not_found);
  EXPECT_EQ(unlink("user-a", "none").error().code, Errc::not_found);
  EXPECT_EQ(unlink("nobody", "identity-a").error().code, Errc::not_found);
  EXPECT_EQ(user("user-a").identities.size(), 1U);
  EXPECT_TRUE(control().empty());
}

TEST_P(StoreIdentitiesContract, OfTwoUnlinksAtOnceOneIsLeft) {
  sign_in("wallet", "a");
  ASSERT_TRUE(link("user-a", "ethereum", "0x1", "n1").has_value());
  std::vector<Task<Result<Unlinked>>> tasks;
  tasks.push_back(store_->unlink("user-a", "identity-a", kContractStart, ""));
  tasks.push_back(store_->unlink("user-a", "id of 0x1", kContractStart, ""));
  const auto results = run(gather(std::move(tasks)));
  EXPECT_NE(results[0].has_value(), results[1].has_value());
  EXPECT_EQ(user("user-a").identities.size(), 1U);
}

TEST_P(StoreIdentitiesContract, UsersAreSaidToBeUnknown) {
  EXPECT_EQ(code_of_user(""), Errc::user_unknown);
  EXPECT_EQ(code_of_user("nobody"), Errc::user_unknown);
  EXPECT_EQ(run(store_->user_of("solana", "nobody")).error().code, Errc::user_unknown);
}

TEST_P(StoreIdentitiesContract, ANonceIsUsedUpOutsideASignIn) {
  const WallTime expires = kContractStart + std::chrono::minutes(1);
  EXPECT_TRUE(run(store_->consume("ticket", expires)).has_value());
  EXPECT_EQ(run(store_->consume("ticket", expires)).error().code, Errc::nonce_used);
  SignIn request = make_sign_in("wallet", "a");
  request.nonce = "ticket";
  EXPECT_EQ(code_of(request), Errc::nonce_used);
  sign_in("wallet", "b");
  EXPECT_EQ(run(store_->consume("nonce-b", expires)).error().code, Errc::nonce_used);
  reopen();
  EXPECT_EQ(run(store_->consume("ticket", expires)).error().code, Errc::nonce_used);
}

TEST_P(StoreIdentitiesContract, ReloadsLinksAndProfilesAreThereAfterReopening) {
  SignedIn first = *try_sign_in(page("a"));
  ASSERT_TRUE(link("user-a", "ethereum", "0x1", "n1").has_value());
  UserChange change = make_change("user-a");
  change.claims = "{\"x\":1}";
  ASSERT_TRUE(upsert_one(change).changed);
  reopen();
  SignedIn again = *try_sign_in(page("b"));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.session.sid, first.session.sid);
  EXPECT_EQ(again.user.claims, "{\"x\":1}");
  EXPECT_EQ(user("user-a").identities.size(), 2U);
  EXPECT_FALSE(link("user-a", "ethereum", "0x1", "n2")->now);
}

}  // namespace gatecast::store
