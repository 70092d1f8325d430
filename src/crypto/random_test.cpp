#include "crypto/random.hpp"

#include <gtest/gtest.h>

#include <set>

namespace gatecast::crypto {
namespace {

TEST(Random, BytesHaveTheLengthAskedAndDiffer) {
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(33).size(), 33U);
  EXPECT_NE(random_bytes(16), random_bytes(16));
}

TEST(Random, UuidHasTheFormOfVersion4) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string id = uuid_v4();
    ASSERT_EQ(id.size(), 36U);
    for (const std::size_t at : {8U, 13U, 18U, 23U}) EXPECT_EQ(id[at], '-') << id;
    EXPECT_EQ(id[14], '4') << id;
    EXPECT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos) << id;
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef-"), std::string::npos) << id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 200U);
}

TEST(Random, IdUsesEveryCharacterAboutEquallyOften) {
  EXPECT_EQ(random_id(0), "");
  EXPECT_EQ(random_id(200).size(), 200U);
  std::map<char, int> count;
  for (const char c : random_id(36'000)) ++count[c];
  EXPECT_EQ(count.size(), 36U);
  for (const auto& [c, n] : count) {
    EXPECT_GE(c >= 'a' ? c <= 'z' : c >= '0' && c <= '9', true) << c;
    // 1000 expected, standard deviation 31: eight of them leave no room for chance. Taking bytes modulo 36 without
    // refusing the uneven rest gives the first four letters 1125, which a mean over them shows.
    EXPECT_NEAR(n, 1000, 250) << c;
  }
  EXPECT_NEAR((count['a'] + count['b'] + count['c'] + count['d']) / 4.0, 1000, 90);
}

}  // namespace
}  // namespace gatecast::crypto
