#include "server/socket/user_counts.hpp"

#include <gtest/gtest.h>

namespace gatecast::server {
namespace {

TEST(UserCounts, BoundsEachUserAndForgetsWhoHasGone) {
  UserCounts counts;
  EXPECT_TRUE(counts.enter("ann", 2));
  EXPECT_TRUE(counts.enter("ann", 2));
  EXPECT_FALSE(counts.enter("ann", 2));
  EXPECT_TRUE(counts.enter("bob", 1)) << "each user is counted alone";
  EXPECT_FALSE(counts.enter("bob", 1));
  counts.leave("ann");
  EXPECT_TRUE(counts.enter("ann", 2));
  counts.leave("bob");
  counts.leave("bob");
  EXPECT_TRUE(counts.enter("bob", 1)) << "a user who was never there owes nothing";
}

}  // namespace
}  // namespace gatecast::server
