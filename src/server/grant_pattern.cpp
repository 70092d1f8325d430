#include "server/grant_pattern.hpp"

#include <algorithm>

#include "store/grants.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kPatternBytesMax = 128;

/// The n-th part of the channel's name behind its namespace, from 1; empty where there is none.
std::string_view part_of(std::string_view channel, int n) {
  const auto colon = channel.find(':');
  std::string_view rest = colon == std::string_view::npos ? channel : channel.substr(colon + 1);
  for (; n > 1; --n) {
    const auto next = rest.find(':');
    if (next == std::string_view::npos) return {};
    rest.remove_prefix(next + 1);
  }
  return rest.substr(0, rest.find(':'));
}

}  // namespace

Result<void> check_grant_pattern(std::string_view pattern) {
  if (pattern.size() > kPatternBytesMax) {
    return fail(Errc::config_invalid, fmt::format("at most {} bytes", kPatternBytesMax));
  }
  if (!std::ranges::all_of(pattern, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return fail(Errc::config_invalid, "visible ASCII characters only");
  }
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '}') return fail(Errc::config_invalid, "a '}' without '{'");
    if (pattern[i] != '{') continue;
    if (i + 2 >= pattern.size() || pattern[i + 1] < '1' || pattern[i + 1] > '9' || pattern[i + 2] != '}') {
      return fail(Errc::config_invalid, "braces hold one digit: {1} to {9}, a part of the channel's name");
    }
    i += 2;
  }
  return {};
}

std::string grant_resource(std::string_view pattern, std::string_view channel) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '{') {
      out += pattern[i];
      continue;
    }
    const auto part = part_of(channel, pattern[i + 1] - '0');
    if (part.empty()) return {};
    out += part;
    i += 2;
  }
  return out.size() > store::kGrantResourceBytesMax ? std::string() : out;
}

}  // namespace gatecast::server
