#include "server/nodes/blind_share.hpp"

#include <gtest/gtest.h>

namespace gatecast::server {
namespace {

using namespace std::chrono_literals;

struct Gone {
  Duration first{}, last{};
  std::size_t most_at_once = 0;
};

/// Lets a node be blind from tick to tick, the first tick being that long after the last good reading.
Gone all_gone(std::size_t open, Duration first, Duration most) {
  Gone out;
  for (Duration blind = first; open > 0 && blind < most + 10s; blind += kBlindTick) {
    const std::size_t share = blind_share(open, blind, most);
    if (share == 0) continue;
    if (out.first == Duration{}) out.first = blind;
    out.last = blind;
    out.most_at_once = std::max(out.most_at_once, share);
    open -= share;
  }
  EXPECT_EQ(open, 0u);
  return out;
}

TEST(BlindShare, AllAreGoneBeforeTheEndAndSpreadOverItsLastQuarter) {
  for (const Duration first : {Duration{}, Duration{1ms}, Duration{500ms}, Duration{999ms}}) {
    const Gone gone = all_gone(100'000, first, 60s);
    EXPECT_GE(gone.first, 45s);
    EXPECT_LE(gone.first, 46s);
    EXPECT_LE(gone.last, 60s);
    EXPECT_LE(gone.most_at_once, 100'000u / 13);
  }
}

TEST(BlindShare, AShortTimeAndALongOne) {
  EXPECT_LE(all_gone(10, 0ms, 4s).last, 4s);
  const Gone gone = all_gone(3, 0ms, 24h);
  EXPECT_GE(gone.first, 24h - 15s);
  EXPECT_LE(gone.last, 24h);
  EXPECT_EQ(blind_share(0, 2h, 60s), 0u);
  EXPECT_EQ(blind_share(7, 2h, 60s), 7u);
}

}  // namespace
}  // namespace gatecast::server
