#include "server/name_pattern.hpp"

#include <gtest/gtest.h>

#include <random>

namespace gatecast::server {
namespace {

bool matches(std::string_view pattern, std::string_view name) {
  const auto parsed = NamePattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->matches(name);
}

TEST(NamePattern, StarsAndQuestionMarks) {
  EXPECT_TRUE(matches("", "anything"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("chat:*", "chat:"));
  EXPECT_TRUE(matches("chat:*", "chat:1:2"));
  EXPECT_FALSE(matches("chat:*", "chats:1"));
  EXPECT_FALSE(matches("chat:*", "a chat:1"));
  EXPECT_TRUE(matches("*:1", "a:1:1"));
  EXPECT_FALSE(matches("*:1", "a:1:12"));
  EXPECT_TRUE(matches("a?c", "abc"));
  EXPECT_FALSE(matches("a?c", "ac"));
  EXPECT_TRUE(matches("**a**", "bab"));
}

TEST(NamePattern, AQuestionMarkIsOneCharacterNotOneByte) {
  EXPECT_TRUE(matches("r?", "ré"));
  EXPECT_FALSE(matches("r??", "ré"));
  EXPECT_TRUE(matches("*?", "é"));
}

TEST(NamePattern, ABackslashTakesTheNextAsItStands) {
  EXPECT_TRUE(matches("a\\*", "a*"));
  EXPECT_FALSE(matches("a\\*", "ab"));
  EXPECT_TRUE(matches("\\[x\\{", "[x{"));
}

TEST(NamePattern, RefusesWhatHasAnotherMeaningElsewhere) {
  for (const char* text : {"[ab]", "{a,b}", "a\\"}) {
    const auto parsed = NamePattern::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::field_invalid);
  }
  EXPECT_FALSE(NamePattern::parse(std::string(NamePattern::kBytesMax + 1, 'a')));
}

/// The definition, without thought for time.
bool plain_match(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return plain_match(pattern.substr(1), name) || (!name.empty() && plain_match(pattern, name.substr(1)));
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         plain_match(pattern.substr(1), name.substr(1));
}

TEST(NamePattern, AgreesWithTheDefinition) {
  std::mt19937 random(7);
  const auto text = [&](std::string_view letters) {
    std::string out;
    for (std::size_t n = random() % 8; n > 0; --n) out += letters[random() % letters.size()];
    return out;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string pattern = "a" + text("ab*?"), name = "a" + text("ab");
    ASSERT_EQ(matches(pattern, name), plain_match(pattern, name)) << pattern << " " << name;
  }
}

}  // namespace
}  // namespace gatecast::server
