// The head of a codec's fuzz input: flags, then up to seven places where reads end; the rest is what the codec reads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace gatecast::fuzz {

struct Plan {
  unsigned flags = 0;
  std::vector<std::size_t> cuts{};
  std::string_view bytes{};
};

inline Plan plan(const std::uint8_t* data, std::size_t size) {
  Plan out;
  std::span<const std::uint8_t> in(data, size);
  if (in.empty()) return out;
  const std::size_t count = std::min<std::size_t>(in[0] & 7u, in.size() - 1);
  out.flags = in[0] >> 3;
  for (const std::uint8_t at : in.subspan(1, count)) out.cuts.push_back(at);
  std::ranges::sort(out.cuts);
  const auto rest = in.subspan(1 + count);
  out.bytes = {reinterpret_cast<const char*>(rest.data()), rest.size()};
  return out;
}

}  // namespace gatecast::fuzz
