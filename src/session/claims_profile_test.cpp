#include "session/claims_profile.hpp"

#include <gtest/gtest.h>

namespace gatecast::session {
namespace {

const store::UserRow kUser{
    .id = "u1", .nickname = "A \"b\"", .is_creator = true, .is_verified = false, .ref_code = "abcdefgh"};

TEST(ClaimsProfile, StandardNamesUserAndWallet) {
  EXPECT_EQ(ClaimsProfile::standard().extra_json({kUser, "solana", "WALLET", "{}"}),
            R"({"userId":"u1","wallet":"WALLET","nickname":"A \"b\"","isCreator":true,"isVerified":false})");
}

TEST(ClaimsProfile, OnlyFonanaWritesAnEmptyNickname) {
  store::UserRow user = kUser;
  user.nickname.clear();
  EXPECT_EQ(ClaimsProfile::standard().extra_json({user, "ethereum", "W", ""}),
            R"({"userId":"u1","wallet":"W","isCreator":true,"isVerified":false})");
  EXPECT_EQ(ClaimsProfile::fonana().extra_json({user, "ethereum", "W", ""}),
            R"({"userId":"u1","wallet":"W","nickname":"","isCreator":true,"isVerified":false})");
}

TEST(ClaimsProfile, UnifarmSaysWhoOneIsAtTelegram) {
  EXPECT_EQ(ClaimsProfile::unifarm().extra_json(
                {kUser, "telegram", "279058397", R"({"username":"vdk","first_name":"V \"","is_premium":true})"}),
            R"({"userId":"u1","telegram_id":279058397,"username":"vdk","first_name":"V \"","ref_code":"abcdefgh"})");
  EXPECT_EQ(ClaimsProfile::unifarm().extra_json({kUser, "telegram", "5", "{}"}),
            R"({"userId":"u1","telegram_id":5,"ref_code":"abcdefgh"})");
  EXPECT_EQ(ClaimsProfile::unifarm().extra_json({kUser, "solana", "W", R"({"username":"no"})"}),
            R"({"userId":"u1","ref_code":"abcdefgh"})");
}

TEST(ClaimsProfile, AWalletIsNamedOnlyWhereOneSignedIn) {
  store::UserRow user = kUser;
  user.nickname.clear();
  EXPECT_EQ(ClaimsProfile::standard().extra_json({user, "telegram", "5", "{}"}),
            R"({"userId":"u1","isCreator":true,"isVerified":false})");
}

TEST(ClaimsProfile, StandardCarriesTheFreeClaims) {
  store::UserRow user = kUser;
  user.claims = R"({"plan":"gold","tags":["a"],"q\"":null})";
  EXPECT_EQ(
      ClaimsProfile::standard().extra_json({user, "", "", "{}"}),
      R"({"userId":"u1","nickname":"A \"b\"","isCreator":true,"isVerified":false,"plan":"gold","tags":["a"],"q\"":null})");
  EXPECT_EQ(ClaimsProfile::unifarm().extra_json({user, "", "", "{}"}), R"({"userId":"u1","ref_code":"abcdefgh"})");
}

TEST(ClaimsProfile, IsFoundByItsName) {
  EXPECT_TRUE(ClaimsProfile::from_name("unifarm").has_value());
  EXPECT_TRUE(ClaimsProfile::from_name("default").has_value());
  EXPECT_TRUE(ClaimsProfile::from_name("fonana").has_value());
  EXPECT_FALSE(ClaimsProfile::from_name("Fonana").has_value());
}

}  // namespace
}  // namespace gatecast::session
