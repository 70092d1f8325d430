#include "ws/utf8.hpp"

#include <gtest/gtest.h>

namespace gatecast::ws {
namespace {

std::string encode(std::uint32_t c) {
  const auto byte = [](std::uint32_t v) { return static_cast<char>(v); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
}

TEST(Utf8, TakesEveryScalarValueAndNoOther) {
  for (std::uint32_t c = 0; c <= 0x11FFFF; ++c) {
    const bool scalar = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
    ASSERT_EQ(valid_utf8(encode(c)), scalar) << c;
  }
}

TEST(Utf8, TwoBytesAreValidOnlyAsTheTableSays) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const bool both_ascii = a < 0x80 && b < 0x80;
      const bool pair = a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF;
      const std::string bytes{static_cast<char>(a), static_cast<char>(b)};
      ASSERT_EQ(valid_utf8(bytes), both_ascii || pair) << a << " " << b;
    }
  }
}

TEST(Utf8, RefusesOverlongAndTruncated) {
  for (const std::string_view bad : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                                     "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xFF", "\x80", "\xE2\x28\xA1"}) {
    EXPECT_FALSE(valid_utf8(bad)) << bad.size();
  }
}

TEST(Utf8, GivesTheSameVerdictWhereverTheBytesAreCut) {
  const std::string good =
      "ASCII for more than eight bytes \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 and again more than eight";
  std::string bad = good;
  bad[bad.find('\xAC')] = 'x';
  for (const std::string& text : {good, bad}) {
    const bool whole = valid_utf8(text);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      Utf8 check;
      const bool pieces =
          check.feed(std::string_view(text).substr(0, cut)) && check.feed(std::string_view(text).substr(cut));
      ASSERT_EQ(pieces && check.complete(), whole) << cut;
    }
  }
}

TEST(Utf8, NoticesAWrongByteWhenItIsFed) {
  Utf8 check;
  EXPECT_TRUE(check.feed("\xF0\x9F"));
  EXPECT_FALSE(check.complete());
  EXPECT_FALSE(check.feed("x"));
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(cut_utf8("abc", 3), "abc");
  EXPECT_EQ(cut_utf8("ab\xE2\x82\xAC", 4), "ab");
  EXPECT_EQ(cut_utf8("ab\xE2\x82\xAC", 5), "ab\xE2\x82\xAC");
  EXPECT_EQ(cut_utf8("\xF0\x9F\x98\x80x", 4), "\xF0\x9F\x98\x80");
  EXPECT_EQ(cut_utf8("\xF0\x9F\x98\x80x", 3), "");
}

}  // namespace
}  // namespace gatecast::ws
