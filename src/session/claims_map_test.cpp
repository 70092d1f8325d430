#include "session/claims_map.hpp"

#include <gtest/gtest.h>

namespace gatecast::session {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

store::UserRow user() {
  store::UserRow row{.id = "u1", .nickname = "An\"na", .avatar = "a.png"};
  row.is_creator = true;
  row.ref_code = "abcdefgh";
  row.claims = R"({"plan":{"name":"pro"},"level":7})";
  return row;
}

std::string json(const Members& members, std::string_view profile = R"({"username":"an"})") {
  const store::UserRow row = user();
  const auto map = ClaimsMap::make(members);
  return map.has_value() ? map->extra_json({row, "telegram", "42", profile}) : map.error().detail;
}

TEST(ClaimsMap, EverySourceHasItsValue) {
  EXPECT_EQ(json({{"a", "user.id"},
                  {"b", "user.nickname"},
                  {"c", "user.avatar"},
                  {"d", "user.isCreator"},
                  {"e", "user.isVerified"},
                  {"f", "user.ref_code"},
                  {"g", "user.claims.plan"},
                  {"h", "user.claims.level"},
                  {"i", "identity.subject"},
                  {"j", "identity.kind"},
                  {"k", "identity.profile.username"}}),
            R"({"a":"u1","b":"An\"na","c":"a.png","d":true,"e":false,"f":"abcdefgh","g":{"name":"pro"},"h":7,)"
            R"("i":"42","j":"telegram","k":"an"})");
}

TEST(ClaimsMap, MembersThatAreNotThereAreLeftOut) {
  EXPECT_EQ(json({{"x", "user.claims.none"}, {"y", "identity.profile.username"}}, ""), "{}");
  EXPECT_EQ(json({}), "{}");
}

TEST(ClaimsMap, RefusesWhatIsNoSourceOrWouldChangeATokensMeaning) {
  const Members wrong[] = {{{"a", "user.password"}}, {{"a", ""}},
                           {{"a", "user.claims."}},  {{"a", "user.id.x"}},
                           {{"sub", "user.id"}},     {{"exp", "user.claims.level"}},
                           {{"", "user.id"}},        {{"a", "user.id"}, {"a", "user.nickname"}}};
  for (const auto& members : wrong) {
    const auto map = ClaimsMap::make(members);
    ASSERT_FALSE(map.has_value()) << members.front().first << members.front().second;
    EXPECT_EQ(map.error().code, Errc::config_invalid);
  }
  Members many;
  for (int i = 0; i < 33; ++i) many.emplace_back("c" + std::to_string(i), "user.id");
  EXPECT_FALSE(ClaimsMap::make(many).has_value());
}

}  // namespace
}  // namespace gatecast::session
