#include "identity/plain_text.hpp"

#include <gtest/gtest.h>

namespace gatecast::identity {
namespace {

using namespace std::string_literals;

TEST(PlainText, TakesUtf8AndLineFeeds) {
  const std::string good[] = {
      "",
      "plain\ntext\n",
      " ~",
      "Grüße, 世界 👋",
      "\xc2\xa0",          // U+00A0, the first after the C1 controls
      "\xdf\xbf",          // U+07FF
      "\xe0\xa0\x80",      // U+0800
      "\xed\x9f\xbf",      // U+D7FF
      "\xee\x80\x80",      // U+E000
      "\xef\xbf\xbf",      // U+FFFF
      "\xf0\x90\x80\x80",  // U+10000
      "\xf4\x8f\xbf\xbf",  // U+10FFFF
      "\xe2\x80\xa7",      // U+2027
      "\xe2\x80\xaa",      // U+202A
  };
  for (const auto& text : good) EXPECT_TRUE(is_plain_text(text)) << text;
}

TEST(PlainText, RefusesWhatIsNotUtf8) {
  const std::string bad[] = {
      "\x80",
      "\xbf",
      "a\x80",
      "\xc0\x80",
      "\xc1\xbf",
      "\xe0\x80\x80",
      "\xe0\x9f\xbf",
      "\xed\xa0\x80",
      "\xed\xbf\xbf",
      "\xf0\x80\x80\x80",
      "\xf0\x8f\xbf\xbf",
      "\xf4\x90\x80\x80",
      "\xf5\x80\x80\x80",
      "\xf8\x88\x80\x80\x80",
      "\xfe",
      "\xff",
      "\xc3",
      "\xe4\xb8",
      "\xf0\x9f\x91",
      "\xc3\x28",
      "\xe4\x28\x96",
      "\xe4\xb8\x28",
  };
  for (const auto& text : bad) EXPECT_FALSE(is_plain_text(text)) << text;
}

TEST(PlainText, RefusesEveryControlCharacterButLineFeed) {
  for (int c = 0; c < 0x20; ++c) EXPECT_EQ(is_plain_text("a"s + static_cast<char>(c)), c == '\n') << c;
  EXPECT_FALSE(is_plain_text("\x7f"));
  for (int c = 0x80; c <= 0x9f; ++c) EXPECT_FALSE(is_plain_text("\xc2"s + static_cast<char>(c))) << c;
  EXPECT_FALSE(is_plain_text("\xe2\x80\xa8"));  // U+2028
  EXPECT_FALSE(is_plain_text("\xe2\x80\xa9"));  // U+2029
}

TEST(PlainText, CutInsideACharacterIsRefused) {
  const std::string text = "ä世👋";
  const std::size_t ends[] = {0, 2, 5, 9};
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(is_plain_text(text.substr(0, cut)), std::ranges::find(ends, cut) != std::end(ends)) << cut;
  }
}

TEST(PlainText, VisibleAscii) {
  EXPECT_TRUE(is_visible_ascii(""));
  EXPECT_TRUE(is_visible_ascii("!~"));
  for (const char* text : {" ", "a b", "a\n", "\x7f", "\xc3\xa4", "\t"}) EXPECT_FALSE(is_visible_ascii(text)) << text;
}

}  // namespace
}  // namespace gatecast::identity
