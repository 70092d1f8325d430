#include "token/secret_text.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"

namespace gatecast::token {
namespace {

const std::string kStrong = "Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q";

TEST(SecretText, TheEncodingIsTakenAtItsWord) {
  const std::string hex = hex_encode(kStrong);
  EXPECT_EQ(decode_secret(Secret(kStrong), SecretEncoding::text)->expose(), kStrong);
  EXPECT_EQ(decode_secret(Secret(hex), SecretEncoding::text)->expose(), hex);
  EXPECT_EQ(decode_secret(Secret(hex), SecretEncoding::hex)->expose(), kStrong);
  EXPECT_EQ(decode_secret(Secret(base64_encode(kStrong)), SecretEncoding::base64)->expose(), kStrong);
  EXPECT_EQ(secret_encoding_from_name("base64"), SecretEncoding::base64);
  EXPECT_EQ(secret_encoding_from_name("hex"), SecretEncoding::hex);
  EXPECT_EQ(secret_encoding_from_name("text"), SecretEncoding::text);
  EXPECT_EQ(secret_encoding_from_name("Hex"), std::nullopt);
}

TEST(SecretText, FaultsOfFormAreNamed) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"\"" + kStrong + "\"", "quotes around"},
      {"'" + kStrong + "'", "quotes around"},
      {"\"" + kStrong, "a quote at one end"},
      {kStrong + "\"", "a quote at one end"},
      {kStrong + "\r", "carriage return"},
      {kStrong + "\r\n", "carriage return"},
      {kStrong + "\n", "newline at its end"},
      {" " + kStrong, "blanks before"},
      {kStrong + " ", "blanks after"},
      {"\t" + kStrong, "blanks before"},
      {"\"", "quotes around"},
  };
  for (const auto& [text, why] : cases) {
    for (const auto encoding : {SecretEncoding::text, SecretEncoding::base64, SecretEncoding::hex}) {
      const auto secret = decode_secret(Secret(text), encoding);
      ASSERT_FALSE(secret) << text;
      EXPECT_EQ(secret.error().code, Errc::secret_form) << text;
      EXPECT_NE(secret.error().detail.find(why), std::string::npos) << secret.error().detail;
      EXPECT_EQ(secret.error().detail.find(kStrong), std::string::npos);
    }
  }
  EXPECT_TRUE(decode_secret(Secret("pass phrase with \"blanks\" and it's inner quotes inside"), SecretEncoding::text));
}

TEST(SecretText, WhatDoesNotDecodeIsRefused) {
  EXPECT_EQ(decode_secret(Secret(), SecretEncoding::text).error().code, Errc::secret_missing);
  EXPECT_EQ(decode_secret(Secret("abc"), SecretEncoding::hex).error().code, Errc::key_invalid);
  EXPECT_EQ(decode_secret(Secret("zz"), SecretEncoding::hex).error().code, Errc::key_invalid);
  EXPECT_EQ(decode_secret(Secret("YWJj_-=="), SecretEncoding::base64).error().code, Errc::key_invalid);
  EXPECT_EQ(decode_secret(Secret("YWI"), SecretEncoding::base64).error().code, Errc::key_invalid);
}

TEST(SecretText, WeakSecretsAreRefused) {
  EXPECT_TRUE(check_strength(Secret(kStrong)));
  EXPECT_TRUE(check_strength(Secret(kStrong.substr(0, 32))));
  EXPECT_TRUE(check_strength(Secret("prod-jwt-secret-8f3a9c1e7b5d2046")));
  EXPECT_EQ(check_strength(Secret()).error().code, Errc::secret_missing);
  for (const std::string& weak : {kStrong.substr(0, 31), std::string("your-secret-key"), std::string("secret"),
                                  std::string(64, 'x'), std::string("abababababababababababababababababababab"),
                                  std::string("your-super-secret-jwt-token-with-at-least-32-characters-long"),
                                  std::string("YOUR-SECRET-KEY-here-0123456789-abcdefghij"),
                                  std::string("please-change-me-in-production-0123456789")}) {
    const auto strong = check_strength(Secret(weak));
    ASSERT_FALSE(strong) << weak;
    EXPECT_EQ(strong.error().code, Errc::secret_weak) << weak;
  }
}

}  // namespace
}  // namespace gatecast::token
