#include "store/address_prefix.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace gatecast::store {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/// The prefix, with the address's family in front.
struct Prefix {
  int family = 0;
  std::array<std::uint8_t, 8> bytes{};
  bool operator==(const Prefix&) const = default;
};

std::optional<Prefix> prefix_of(const std::string& text) {
  std::array<std::uint8_t, 16> address{};
  if (inet_pton(AF_INET, text.c_str(), address.data()) == 1) {
    return Prefix{AF_INET, {address[0], address[1], address[2]}};
  }
  if (inet_pton(AF_INET6, text.c_str(), address.data()) != 1) return std::nullopt;
  if (std::equal(kMapped.begin(), kMapped.end(), address.begin())) {
    return Prefix{AF_INET, {address[12], address[13], address[14]}};
  }
  Prefix prefix{.family = AF_INET6};
  std::copy_n(address.begin(), prefix.bytes.size(), prefix.bytes.begin());
  return prefix;
}

}  // namespace

bool same_address_prefix(const std::string& one, const std::string& other) {
  const std::optional<Prefix> prefix = prefix_of(one);
  return prefix.has_value() && prefix == prefix_of(other);
}

}  // namespace gatecast::store
