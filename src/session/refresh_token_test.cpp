#include "session/refresh_token.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"
#include "session/sid.hpp"

namespace gatecast::session {
namespace {

const SessionKeyList kOld{{"old", Secret{std::string(32, 'o')}}};
const SessionKeyList kBoth{{"new", Secret{std::string(32, 'n')}}, {"old", Secret{std::string(32, 'o')}}};

class RefreshTokenTest : public testing::Test {
 protected:
  std::string token(std::uint64_t generation = 7) const { return keys_.write(sid_, generation, secret_); }
  static std::string replaced(std::string text, std::size_t part, const std::string& by) {
    std::size_t begin = 0;
    for (; part > 0; --part) begin = text.find('.', begin) + 1;
    const std::size_t end = std::min(text.find('.', begin), text.size());
    return text.replace(begin, end - begin, by);
  }

  RefreshKeys keys_ = *RefreshKeys::make(kBoth);
  std::string sid_ = SidKeys::make(kBoth)->issue("user");
  std::string secret_ = RefreshKeys::new_secret();
};

TEST_F(RefreshTokenTest, WhatIsWrittenOpens) {
  const auto opened = keys_.open(token());
  ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  EXPECT_EQ(opened->sid, sid_);
  EXPECT_EQ(opened->generation, 7U);
  EXPECT_EQ(opened->secret, secret_);
  EXPECT_TRUE(token().starts_with("gcr1.new." + sid_ + ".7." + secret_ + "."));
  EXPECT_LE(token(kGenerationMax).size(), kRefreshTokenBytesMax);
  EXPECT_TRUE(keys_.open(token(kGenerationMax)).has_value());
}

TEST_F(RefreshTokenTest, EveryKeyOpensAndTheFirstWrites) {
  const RefreshKeys before = *RefreshKeys::make(kOld);
  EXPECT_TRUE(keys_.open(before.write(sid_, 1, secret_)).has_value());
  EXPECT_FALSE(before.open(token()).has_value());
}

TEST_F(RefreshTokenTest, AKeyWithoutAUsableIdHasOneOfItsOwn) {
  for (const char* id : {"", "two words", "a.b", "0123456789012345678901234567890123"}) {
    const RefreshKeys keys = *RefreshKeys::make({{id, Secret{std::string(32, 'k')}}});
    EXPECT_TRUE(keys.open(keys.write(sid_, 1, secret_)).has_value()) << id;
  }
}

TEST_F(RefreshTokenTest, EveryChangedCharacterIsRefused) {
  const std::string good = token();
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'A', 'B', '.', '0', '\0'}) {
      if (good[i] == c) continue;
      std::string bad = good;
      bad[i] = c;
      EXPECT_FALSE(keys_.open(bad).has_value()) << i;
    }
  }
}

TEST_F(RefreshTokenTest, EveryCutIsRefused) {
  const std::string good = token();
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(keys_.open(std::string_view(good).substr(0, i)).has_value()) << i;
    EXPECT_FALSE(keys_.open(std::string_view(good).substr(i + 1)).has_value()) << i;
  }
  EXPECT_FALSE(keys_.open(good + "A").has_value());
  EXPECT_FALSE(keys_.open(good + ".").has_value());
  EXPECT_FALSE(keys_.open(std::string(100'000, 'A')).has_value());
}

TEST_F(RefreshTokenTest, PartsHaveOneForm) {
  const std::string good = token();
  ASSERT_TRUE(parse_refresh_token(good).has_value());
  for (const char* generation : {"", "0", "07", "-1", "+1", "1e3", " 1", "9007199254740992", "18446744073709551617"}) {
    EXPECT_FALSE(parse_refresh_token(replaced(good, 3, generation)).has_value()) << generation;
  }
  EXPECT_FALSE(parse_refresh_token(replaced(good, 0, "gcr2")).has_value());
  EXPECT_FALSE(parse_refresh_token(replaced(good, 1, "")).has_value());
  EXPECT_FALSE(parse_refresh_token(replaced(good, 1, std::string(33, 'k'))).has_value());
  EXPECT_FALSE(parse_refresh_token(replaced(good, 2, sid_ + "A")).has_value());
  EXPECT_FALSE(parse_refresh_token(replaced(good, 4, base64url_encode(std::string(15, 's')))).has_value());
  EXPECT_FALSE(parse_refresh_token(replaced(good, 5, base64url_encode(std::string(31, 'm')))).has_value());
  EXPECT_EQ(parse_refresh_token("x").error().code, Errc::refresh_invalid);
}

TEST_F(RefreshTokenTest, TheMacsKeyIsNotTheSessionKeyItself) {
  const std::string head = token().substr(0, token().rfind('.'));
  const std::string mac = crypto::hmac(crypto::HashKind::sha256, std::string(32, 'n'), head);
  EXPECT_FALSE(keys_.open(head + "." + base64url_encode(mac)).has_value());
}

TEST_F(RefreshTokenTest, SecretsAreRandomAndOnlyTheirHashIsKept) {
  EXPECT_NE(RefreshKeys::new_secret(), RefreshKeys::new_secret());
  EXPECT_EQ(base64url_decode(secret_)->size(), 16U);
  EXPECT_EQ(RefreshKeys::hash(secret_), crypto::sha256(*base64url_decode(secret_)));
}

}  // namespace
}  // namespace gatecast::session
