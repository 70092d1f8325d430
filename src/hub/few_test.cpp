#include "hub/few.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gatecast::hub {
namespace {

TEST(Few, ListsInOrderAndKeepsNothingWhenEmpty) {
  Few<std::string> few;
  EXPECT_TRUE(few.empty());
  EXPECT_EQ(few.begin(), few.end());
  for (const char* item : {"a", "b", "c"}) few.push_back(item);
  EXPECT_EQ(few.back(), "c");
  few.erase(few.begin() + 1);
  EXPECT_EQ(std::vector<std::string>(few.begin(), few.end()), (std::vector<std::string>{"a", "c"}));
  few.erase(few.begin());
  few.erase(few.begin());
  EXPECT_TRUE(few.empty());
  EXPECT_EQ(few.begin(), nullptr);
}

TEST(Few, ErasesWhatFitsAndSaysWhetherAnyDid) {
  Few<int> few;
  EXPECT_FALSE(few.erase_if([](int) { return true; }));
  for (int i = 0; i < 4; ++i) few.push_back(i);
  EXPECT_TRUE(few.erase_if([](int i) { return i % 2 == 0; }));
  EXPECT_FALSE(few.erase_if([](int i) { return i % 2 == 0; }));
  EXPECT_EQ(std::vector<int>(few.begin(), few.end()), (std::vector<int>{1, 3}));
  EXPECT_TRUE(few.erase_if([](int) { return true; }));
  EXPECT_TRUE(few.empty());
}

}  // namespace
}  // namespace gatecast::hub
