#include "session/claims_profile.hpp"

#include <gtest/gtest.h>

namespace gatecast::session {
namespace {

const store::UserRow kUser{
    .id = "u1", .nickname = "A \"b\"", .is_creator = true, .is_verified = false, .ref_code = "abcdefgh"};

TEST(ClaimsProfile, StandardNamesUserAndWallet) {
  EXPECT_EQ(ClaimsProfile::standard().extra_json(kUser, "WALLET"),
            R"({"userId":"u1","wallet":"WALLET","nickname":"A \"b\"","isCreator":true,"isVerified":false})");
}

TEST(ClaimsProfile, OnlyFonanaWritesAnEmptyNickname) {
  store::UserRow user = kUser;
  user.nickname.clear();
  EXPECT_EQ(ClaimsProfile::standard().extra_json(user, "W"),
            R"({"userId":"u1","wallet":"W","isCreator":true,"isVerified":false})");
  EXPECT_EQ(ClaimsProfile::fonana().extra_json(user, "W"),
            R"({"userId":"u1","wallet":"W","nickname":"","isCreator":true,"isVerified":false})");
}

TEST(ClaimsProfile, IsFoundByItsName) {
  EXPECT_TRUE(ClaimsProfile::from_name("default").has_value());
  EXPECT_TRUE(ClaimsProfile::from_name("fonana").has_value());
  EXPECT_FALSE(ClaimsProfile::from_name("Fonana").has_value());
}

}  // namespace
}  // namespace gatecast::session
