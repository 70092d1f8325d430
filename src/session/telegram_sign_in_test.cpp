#include "session/identity_fixture.hpp"
#include "session/telegram_profile.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;
using TelegramSignInTest = IdentityTest;

TEST_F(TelegramSignInTest, AFirstSignInMakesUserIdentityAndSession) {
  const Tokens tokens = signed_in(init_data(user_fields()));
  EXPECT_TRUE(tokens.created);
  EXPECT_EQ(tokens.kind, "telegram");
  EXPECT_EQ(tokens.subject, "7001");
  EXPECT_EQ(tokens.session.how, "telegram");
  EXPECT_EQ(tokens.user.nickname, "ada7001");
  EXPECT_EQ(tokens.user.avatar, "https://t.me/a.svg");
  EXPECT_EQ(tokens.profile, R"({"telegram_id":7001,"username":"ada7001","first_name":"Ada",)"
                            R"("photo_url":"https://t.me/a.svg","is_premium":false})");
  Result<Caller> caller = sessions_->authenticate(tokens.access);
  ASSERT_TRUE(caller.has_value());
  const auto extra = token::JsonObject::parse(caller->claims.extra_json);
  ASSERT_TRUE(extra.has_value());
  EXPECT_EQ(extra->find("wallet"), nullptr);
}

TEST_F(TelegramSignInTest, WhatTelegramSaysLaterIsKept) {
  const Tokens first = signed_in(init_data(user_fields()));
  clock_.advance(2min);
  Fields renamed{{"user", R"({"id":7001,"first_name":"Grace"})"},
                 {"auth_date", std::to_string(unix_seconds(clock_.wall()))}};
  const Tokens second = signed_in(init_data(std::move(renamed), 2));
  EXPECT_EQ(second.user.id, first.user.id) << "another bot, the same person";
  EXPECT_EQ(second.profile, R"({"telegram_id":7001,"first_name":"Grace","is_premium":false})");
  EXPECT_EQ(second.user.nickname, "ada7001") << "the account's own name stays";
  Result<Tokens> renewed = loop_.run(sessions_->renew(first.refresh, kClient));
  ASSERT_TRUE(renewed.has_value());
  EXPECT_EQ(renewed->profile, second.profile);
}

TEST_F(TelegramSignInTest, AReloadGetsTheSameSessionForAMinute) {
  const Proof once = init_data(user_fields());
  const Tokens first = signed_in(once);
  clock_.advance(59s);
  Result<Tokens> again = sign_in(once, from("192.0.2.200"));
  ASSERT_TRUE(again.has_value()) << info(again.error().code).name;
  EXPECT_TRUE(again->repeated);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->session.sid, first.session.sid);
  EXPECT_EQ(again->refresh, first.refresh);
  EXPECT_EQ(again->profile, first.profile);
  ASSERT_TRUE(loop_.run(sessions_->renew(again->refresh, kClient)).has_value());
  clock_.advance(2s);
  EXPECT_EQ(code(sign_in(once)), Errc::initdata_replayed);
  EXPECT_EQ(sessions_->stats().refused_count(Errc::initdata_replayed), 1U);
}

TEST_F(TelegramSignInTest, AReplayFromElsewhereIsRefused) {
  const Proof once = init_data(user_fields());
  signed_in(once);
  EXPECT_EQ(code(sign_in(once, from("192.0.3.7"))), Errc::initdata_replayed);
  EXPECT_EQ(code(sign_in(once, from("2001:db8::7"))), Errc::initdata_replayed);

  const Proof six = init_data(user_fields(7002));
  ASSERT_TRUE(sign_in(six, from("2001:db8:0:1::1")).has_value());
  EXPECT_TRUE(sign_in(six, from("2001:db8:0:1:ffff::2")).has_value());
  EXPECT_EQ(code(sign_in(six, from("2001:db8:0:2::1"))), Errc::initdata_replayed);
}

TEST_F(TelegramSignInTest, ASessionThatHasEndedIsNotGivenAgain) {
  const Proof once = init_data(user_fields());
  const Tokens tokens = signed_in(once);
  ASSERT_TRUE(loop_.run(sessions_->end(tokens.session.sid, Errc::signed_out, "")).has_value());
  EXPECT_EQ(code(sign_in(once)), Errc::initdata_replayed);
}

TEST_F(TelegramSignInTest, TwoAtOnceGetOneSession) {
  const Proof once = init_data(user_fields());
  std::vector<Tokens> got;
  int done = 0;
  const auto attempt = [](Sessions& sessions, Proof p, std::vector<Tokens>& out) -> Task<void> {
    Result<Tokens> tokens = co_await sessions.sign_in(std::move(p), kClient, {});
    if (tokens.has_value()) out.push_back(std::move(*tokens));
  };
  for (int i = 0; i < 8; ++i) spawn(attempt(*sessions_, once, got), [&done] { ++done; });
  EXPECT_TRUE(settles([&] { return done == 8; }));
  ASSERT_EQ(got.size(), 8U);
  for (const Tokens& each : got) {
    EXPECT_EQ(each.session.sid, got.front().session.sid);
    EXPECT_EQ(each.refresh, got.front().refresh);
  }
  EXPECT_EQ(std::ranges::count_if(got, [](const Tokens& each) { return !each.repeated; }), 1);
}

TEST_F(TelegramSignInTest, TheStoreHoldsNoKeyToASession) {
  signed_in(init_data(user_fields()));
  signed_in(init_data(user_fields(7002)));
  sqlite::Database db = sqlite::look_into(folder_.database());
  auto query = db.select("SELECT count(DISTINCT secret_hash) FROM sessions");
  ASSERT_TRUE(query.next().value());
  EXPECT_EQ(query.text(0), "2") << "each initData has a secret of its own";
}

TEST_F(TelegramSignInTest, DataTooOldOrOfNobodyIsRefused) {
  const Proof old = init_data(user_fields());
  clock_.advance(15min + 1s);
  EXPECT_EQ(code(sign_in(old)), Errc::initdata_expired);
  EXPECT_EQ(code(sign_in(init_data({{"auth_date", std::to_string(unix_seconds(clock_.wall()))}}))),
            Errc::initdata_no_user);
  Proof named = init_data(user_fields());
  std::get<TelegramProof>(named).bot_id = 2;
  EXPECT_EQ(code(sign_in(named)), Errc::initdata_signature);
  std::get<TelegramProof>(named).bot_id = 99;
  EXPECT_EQ(code(sign_in(named)), Errc::bot_unknown);
  EXPECT_EQ(code(sign_in(TelegramProof{})), Errc::initdata_missing);
}

TEST_F(TelegramSignInTest, ANameWithoutProofNeedsTheOption) {
  const Proof named = TelegramProof{.unverified = identity::TelegramUser{.id = 7009, .first_name = "Eve"}};
  EXPECT_EQ(code(sign_in(named)), Errc::initdata_missing);
  restart([](SessionOptions& options) { options.telegram.direct = true; });
  const Tokens tokens = signed_in(named);
  EXPECT_EQ(tokens.session.how, "direct");
  EXPECT_EQ(tokens.user.nickname, "Eve");
  auto audit = loop_.run(store_->audit_log({.user_id = tokens.user.id, .kinds = {"signin_unproven"}}));
  ASSERT_TRUE(audit.has_value());
  EXPECT_EQ(audit->size(), 1U);
  // It neither joins an account nor confirms a change of one.
  const Tokens other = signed_in(proof(wallet_));
  EXPECT_EQ(code(link(other, named)), Errc::initdata_missing);
  EXPECT_EQ(code(loop_.run(sessions_->confirm(caller_of(tokens), named))), Errc::initdata_missing);
}

TEST_F(TelegramSignInTest, ABotWithoutItsTokenVouchesByTelegramsSignature) {
  const auto by = [this](std::int64_t bot, char key) {
    using identity::TestTelegram;
    return TelegramProof{.init_data = TestTelegram::query(TestTelegram::sign(user_fields(), bot, key))};
  };
  const Tokens tokens = signed_in(by(3, 'p'));
  EXPECT_EQ(tokens.session.how, "telegram");
  EXPECT_EQ(signed_in(by(4, 't')).user.id, tokens.user.id) << "the test environment has its own key";
  EXPECT_EQ(code(sign_in(by(3, 't'))), Errc::initdata_signature);
  EXPECT_EQ(code(sign_in(by(5, 'p'))), Errc::initdata_signature);
}

TEST_F(TelegramSignInTest, AWidgetSignsInToo) {
  Fields fields{{"id", "7001"}, {"first_name", "Ada"}, {"auth_date", std::to_string(unix_seconds(clock_.wall()))}};
  const Proof widget = TelegramProof{.widget = identity::TestTelegram::sign_widget(std::move(fields), 2)};
  const Tokens tokens = signed_in(widget);
  EXPECT_EQ(tokens.session.how, "telegram_widget");
  EXPECT_EQ(signed_in(init_data(user_fields())).user.id, tokens.user.id);
}

TEST_F(TelegramSignInTest, TheSignedReferralGoesBeforeTheClients) {
  const Tokens signed_one = signed_in(proof(wallet_));
  const Tokens other = signed_in(proof(TestWallet{}));
  const std::string code = signed_one.user.ref_code;
  const auto referrer = [&](std::int64_t id, std::string start_param, std::string ref_code) {
    return signed_in(init_data(user_fields(id, std::move(start_param))), std::move(ref_code)).user.referrer;
  };
  EXPECT_EQ(referrer(1, "ref_" + code, other.user.ref_code), signed_one.user.id);
  EXPECT_EQ(referrer(2, code, other.user.ref_code), signed_one.user.id);
  EXPECT_EQ(referrer(3, "shop_17", other.user.ref_code), other.user.id) << "another kind of deep link";
  EXPECT_EQ(referrer(4, "", other.user.ref_code), other.user.id);
  EXPECT_EQ(referrer(5, "nobody", "nobody-either"), std::nullopt);
}

TEST_F(TelegramSignInTest, AReferrerIsNeverAddedLater) {
  const Tokens first = signed_in(init_data(user_fields()));
  const std::string own = first.user.ref_code;
  const std::string code = signed_in(proof(wallet_)).user.ref_code;
  clock_.advance(2s);
  EXPECT_EQ(signed_in(init_data(user_fields(7001, "ref_" + code))).user.referrer, std::nullopt);
  clock_.advance(2s);
  EXPECT_EQ(signed_in(init_data(user_fields(7001, "ref_" + own))).user.referrer, std::nullopt);
}

TEST(TelegramProfile, ReferralsHaveOneOfTwoForms) {
  EXPECT_EQ(referral_of("ref_AbC-1_2"), "AbC-1_2");
  EXPECT_EQ(referral_of("REF_1750"), "REF_1750");
  EXPECT_EQ(referral_of(""), "");
  EXPECT_EQ(referral_of("ref_"), "");
  EXPECT_EQ(referral_of("a b"), "");
  EXPECT_EQ(referral_of(std::string(64, 'a')), std::string(64, 'a'));
  EXPECT_EQ(referral_of(std::string(65, 'a')), "");
}

TEST(TelegramProfile, HoldsNothingLongAndNoForeignScheme) {
  identity::TelegramUser user{.id = 5, .username = std::string(300, 'u'), .photo_url = "javascript:alert(1)"};
  EXPECT_EQ(telegram_avatar(user), "");
  EXPECT_EQ(telegram_nickname(user).size(), kProfileTextBytesMax);
  EXPECT_EQ(telegram_profile(user),
            fmt::format(R"({{"telegram_id":5,"username":"{}","is_premium":false}})", std::string(256, 'u')));
  user.photo_url = "https://t.me/" + std::string(kPhotoUrlBytesMax, 'x');
  EXPECT_EQ(telegram_avatar(user), "");
}

}  // namespace
}  // namespace gatecast::session
