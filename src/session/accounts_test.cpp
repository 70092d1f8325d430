#include "session/accounts.hpp"

#include "session/sessions_fixture.hpp"

namespace gatecast::session {
namespace {

class AccountsTest : public SessionsTest {
 protected:
  Upserted upsert(store::UserChange change, bool dry_run = false) {
    auto done = loop_.run(accounts_.upsert({std::move(change)}, dry_run));
    EXPECT_TRUE(done.has_value());
    return done->front();
  }
  Result<Tokens> mint(std::string id, bool create = false, std::optional<std::string> claims = {}) {
    return loop_.run(accounts_.mint(std::move(id), create, std::move(claims), kClient));
  }
  Bell bell_;
  Accounts accounts_{{*store_, *sessions_, clock_, bell_}};
};

TEST_F(AccountsTest, IdsOfUsers) {
  for (const char* good : {"a", "A.b_c@d-9", "0"}) EXPECT_TRUE(is_user_id(good)) << good;
  EXPECT_TRUE(is_user_id(std::string(64, 'x')));
  for (const char* bad : {"", "a b", "a/b", "ä", "a:b", "#a", "a\n"}) EXPECT_FALSE(is_user_id(bad)) << bad;
  EXPECT_FALSE(is_user_id(std::string(65, 'x')));
}

TEST_F(AccountsTest, ClaimsShadowNothing) {
  EXPECT_TRUE(check_claims(R"({"plan":"gold","n":[1,{"sub":"inside is free"}]})").has_value());
  for (const char* bad : {R"({"sub":"x"})", R"({"sid":1})", R"({"su\u0062":"x"})", R"({"userId":"x"})", R"({"exp":9})",
                          "[]", "1", "", "{} x", R"({"a":1,"a":2})"}) {
    EXPECT_EQ(check_claims(bad).error().code, Errc::field_invalid) << bad;
  }
  EXPECT_FALSE(check_claims(R"({"a":")" + std::string(4096, 'x') + R"("})").has_value());
  std::string many = "{";
  for (int i = 0; i < 33; ++i) many += fmt::format("{}\"m{}\":{}", i == 0 ? "" : ",", i, i);
  EXPECT_FALSE(check_claims(many + "}").has_value());
}

TEST_F(AccountsTest, SubjectsHaveOneForm) {
  EXPECT_EQ(*stored_subject("ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed");
  EXPECT_EQ(*stored_subject("solana", wallet_.address()), wallet_.address());
  EXPECT_EQ(*stored_subject("telegram", "777000"), "777000");
  for (const auto& [kind, subject] : std::vector<std::pair<std::string, std::string>>{
           {"telegram", "-1"}, {"telegram", "0"}, {"solana", "x"}, {"ethereum", "0x1"}, {"email", "a@b"}, {"", ""}}) {
    EXPECT_FALSE(stored_subject(kind, subject).has_value()) << kind << subject;
  }
}

TEST_F(AccountsTest, UpsertRefusesOneAndTakesTheOthers) {
  std::vector<store::UserChange> changes{{.id = "good"},
                                         {.id = "bad id"},
                                         {.id = "u3", .claims = R"({"sub":1})"},
                                         {.id = "u4", .nickname = "N\n"},
                                         {.id = "last", .nickname = "L"}};
  auto done = loop_.run(accounts_.upsert(changes, false));
  ASSERT_TRUE(done.has_value());
  std::vector<bool> ok;
  for (const auto& each : *done) ok.push_back(each.changed.ok);
  EXPECT_EQ(ok, (std::vector<bool>{true, false, false, false, true}));
  EXPECT_EQ((*done)[1].changed.refused, Errc::user_invalid);
  EXPECT_NE((*done)[2].detail.find("sub"), std::string::npos);
  EXPECT_EQ((*done)[4].changed.user.nickname, "L");
}

TEST_F(AccountsTest, ABlockEndsSessionsAndRefusesNewOnes) {
  const Tokens tokens = signed_in(wallet_);
  auto blocked = loop_.run(accounts_.block(tokens.user.id, true, "192.0.2.9", "key:a"));
  ASSERT_TRUE(blocked.has_value());
  EXPECT_EQ(blocked->ended.size(), 1u);
  EXPECT_EQ(authenticated(*sessions_, tokens.access), Errc::user_blocked);
  EXPECT_EQ(code(loop_.run(sessions_->renew(tokens.refresh, kClient))), Errc::user_blocked);
  EXPECT_EQ(code(mint(tokens.user.id)), Errc::user_blocked);
  EXPECT_EQ(code(mint(tokens.user.id, false, R"({"a":1})")), Errc::user_blocked);
  EXPECT_EQ(loop_.run(accounts_.user(tokens.user.id))->user.claims, "{}");
  EXPECT_EQ(code(sign_in(proof(wallet_))), Errc::user_blocked);
  ASSERT_TRUE(loop_.run(accounts_.block(tokens.user.id, false, "", "key:a")).has_value());
  EXPECT_TRUE(sign_in(proof(wallet_)).has_value());
}

TEST_F(AccountsTest, MintsForTheApplicationsOwnUser) {
  EXPECT_EQ(code(mint("app-1")), Errc::user_unknown);
  EXPECT_EQ(code(mint("bad id", true)), Errc::user_invalid);
  auto tokens = mint("app-1", true, R"({"plan":"gold"})");
  ASSERT_TRUE(tokens.has_value()) << tokens.error().detail;
  EXPECT_EQ(tokens->user.id, "app-1");
  EXPECT_EQ(tokens->session.how, "api");
  EXPECT_EQ(loop_.run(accounts_.user("app-1"))->user.claims, R"({"plan":"gold"})");
  EXPECT_TRUE(sessions_->authenticate(tokens->access).has_value());
  EXPECT_TRUE(loop_.run(sessions_->renew(tokens->refresh, kClient)).has_value());
  EXPECT_EQ(code(mint("app-1", false, R"({"sub":"other"})")), Errc::field_invalid);
  EXPECT_EQ(loop_.run(accounts_.sessions("app-1"))->size(), 1u);
}

TEST_F(AccountsTest, ADeletedUserIsGoneAndItsTokensRefused) {
  const Tokens tokens = signed_in(wallet_);
  auto ended = loop_.run(accounts_.remove(tokens.user.id, "key:a"));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(*ended, 1u);
  EXPECT_EQ(authenticated(*sessions_, tokens.access), Errc::ended_by_operator);
  EXPECT_EQ(code(loop_.run(accounts_.user(tokens.user.id))), Errc::user_unknown);
  EXPECT_EQ(code(loop_.run(accounts_.remove(tokens.user.id, "key:a"))), Errc::user_unknown);
  EXPECT_NE(signed_in(wallet_).user.id, tokens.user.id);
}

TEST_F(AccountsTest, AnOperatorEndsOneOrAll) {
  const Tokens one = signed_in(wallet_);
  const Tokens two = signed_in(wallet_);
  const Tokens three = signed_in(wallet_);
  EXPECT_TRUE(loop_.run(accounts_.end_session(one.session.sid, ""))->now);
  EXPECT_FALSE(loop_.run(accounts_.end_session(one.session.sid, ""))->now);
  EXPECT_EQ(authenticated(*sessions_, one.access), Errc::ended_by_operator);
  EXPECT_EQ(*loop_.run(accounts_.end_sessions(two.user.id, "")), 2u);
  EXPECT_EQ(authenticated(*sessions_, three.access), Errc::ended_by_operator);
  EXPECT_EQ(code(loop_.run(accounts_.end_sessions("nobody", ""))), Errc::user_unknown);
}

TEST_F(AccountsTest, RingsTheBell) {
  const auto before = bell_.rings();
  upsert({.id = "a"});
  EXPECT_GT(bell_.rings(), before);
  const auto after = bell_.rings();
  upsert({.id = "b"}, true);
  EXPECT_EQ(bell_.rings(), after);
}

}  // namespace
}  // namespace gatecast::session
