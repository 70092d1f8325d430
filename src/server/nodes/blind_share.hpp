// How many connections a node that hears of no endings closes in one tick, so that they go at spread moments and none
// lives longer than session.blind_max. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/clock.hpp"

namespace gatecast::server {

inline constexpr Duration kBlindTick = std::chrono::seconds(1);
// Who is sent away comes back at once, here or to a node that is in touch: not all at the same moment.
inline constexpr Duration kBlindSpread = std::chrono::seconds(15);

/// Of `open` connections, when nothing has been heard for `blind` and `most` is the end.
constexpr std::size_t blind_share(std::size_t open, Duration blind, Duration most) {
  const Duration spread = std::min<Duration>(most / 4, kBlindSpread);
  if (blind < most - spread) return 0;
  const auto ticks = static_cast<std::size_t>(std::max<std::int64_t>(1, (most - blind) / kBlindTick));
  return (open + ticks - 1) / ticks;
}

}  // namespace gatecast::server
