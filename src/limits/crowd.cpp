#include "limits/crowd.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace gatecast::limits {
namespace {

// No network begins like this (0::/8 is reserved, RFC 4291 §4), so an IPv4 address is never taken for a /64.
constexpr std::uint64_t kV4 = 0x0000'ffff'0000'0000;

/// The address as a number; what is none shares 0.
std::uint64_t number_of(std::string_view ip) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (ip.size() >= text.size()) return 0;
  std::memcpy(text.data(), ip.data(), ip.size());
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, text.data(), bytes.data()) == 1) {
    std::uint64_t number = kV4;
    for (std::size_t i = 0; i < 4; ++i) number |= std::uint64_t{bytes[i]} << (24 - 8 * i);
    return number;
  }
  if (inet_pton(AF_INET6, text.data(), bytes.data()) != 1) return 0;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | bytes[i];
  return number;
}

}  // namespace

bool Crowd::enter(std::string_view ip) {
  auto& count = counts_[number_of(ip)];
  // An entry that was just made is kept: a limit is at least one.
  if (count >= most_) return false;
  ++count;
  return true;
}

void Crowd::leave(std::string_view ip) {
  const auto found = counts_.find(number_of(ip));
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace gatecast::limits
