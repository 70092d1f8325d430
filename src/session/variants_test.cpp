#include "session/variants.hpp"

#include <gtest/gtest.h>

#include <array>

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

std::string user(int i) { return "user" + std::to_string(i); }

TEST(Variants, SharesAreWhatUsersGet) {
  const auto variants = *Variants::make({{"short", 0.2, 600s}, {"long", 0.5, 3600s}});
  std::array<int, 3> counts{};
  for (int i = 0; i < 10'000; ++i) ++counts[variants.of(user(i))];
  EXPECT_NEAR(counts[1], 2000, 150);
  EXPECT_NEAR(counts[2], 5000, 200);
  EXPECT_NEAR(counts[0], 3000, 200);
}

TEST(Variants, AUserStaysWhereTheFirstShareReaches) {
  const auto small = *Variants::make({{"a", 0.1, 60s}});
  const auto large = *Variants::make({{"a", 0.3, 60s}});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(small.of(user(i)), small.of(user(i)));
    if (small.of(user(i)) == 1) {
      EXPECT_EQ(large.of(user(i)), 1U) << i;
    }
  }
}

TEST(Variants, ShareOfOneIsEveryoneAndOfZeroNobody) {
  const auto variants = *Variants::make({{"none", 0, 60s}, {"all", 1, 90s}});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(variants.of(user(i)), 2U);
  EXPECT_EQ(Variants().of("user"), 0U);
  EXPECT_EQ(variants.of(""), 0U);
}

TEST(Variants, LivesAreTheVariantsOrTheOthers) {
  const auto variants = *Variants::make({{"a", 0.5, 60s}, {"b", 0.5, 900s}});
  EXPECT_EQ(variants.access_ttl(0, 300s), 300s);
  EXPECT_EQ(variants.access_ttl(1, 300s), 60s);
  EXPECT_EQ(variants.access_ttl(2, 300s), 900s);
  EXPECT_EQ(variants.longest(300s), 900s);
  EXPECT_EQ(Variants().longest(300s), 300s);
}

TEST(Variants, TenTenthsFitButNoMore) {
  std::vector<Variant> eight(8, {"x", 0.125, 60s});
  EXPECT_TRUE(Variants::make(eight).has_value());
  EXPECT_TRUE(Variants::make({{"a", 0.1, 60s}, {"b", 0.2, 60s}, {"c", 0.7, 60s}}).has_value());
  EXPECT_EQ(Variants::make({{"a", 0.6, 60s}, {"b", 0.5, 60s}}).error().code, Errc::config_invalid);
  EXPECT_EQ(Variants::make({{"a", 0.6, 0s}}).error().code, Errc::config_invalid);
  eight.push_back({"y", 0, 60s});
  EXPECT_EQ(Variants::make(eight).error().code, Errc::config_invalid);
}

}  // namespace
}  // namespace gatecast::session
