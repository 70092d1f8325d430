#include "core/compact_text.hpp"

#include <gtest/gtest.h>

namespace gatecast {
namespace {

TEST(CompactText, KeepsWhatItWasGivenByteForByte) {
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("#user"), std::string("a\0b", 3), std::string(300, 'x')}) {
    const CompactText compact{std::string_view(text)};
    EXPECT_EQ(compact.view(), text);
    EXPECT_EQ(compact.text(), text);
    EXPECT_EQ(compact.empty(), text.empty());
    EXPECT_TRUE(compact == text);
  }
}

TEST(CompactText, MovesAndLeavesNothingBehind) {
  CompactText from("session");
  const CompactText to = std::move(from);
  EXPECT_EQ(to.view(), "session");
  from = CompactText("another");
  EXPECT_EQ(from.view(), "another");
  EXPECT_FALSE(from == "session");
}

TEST(CompactText, OutlivesTheTextItWasMadeFrom) {
  std::string text = "changes";
  const CompactText compact{std::string_view(text)};
  text = "CHANGED";
  EXPECT_EQ(compact.view(), "changes");
}

}  // namespace
}  // namespace gatecast
