#include "limits/client_key.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace gatecast::limits {
namespace {

constexpr std::string_view kNoAddress = "unknown";
constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::string text_of(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(family, address, text.data(), text.size()) ? text.data() : std::string(kNoAddress);
}

}  // namespace

std::string client_key(std::string_view ip) {
  const std::string text(ip.substr(0, ip.find('%')));  // without a zone
  if (text.size() != std::min(text.find('\0'), text.size())) return std::string(kNoAddress);
  in_addr four{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return text_of(AF_INET, &four);
  std::array<std::uint8_t, 16> six{};
  if (inet_pton(AF_INET6, text.c_str(), six.data()) != 1) return std::string(kNoAddress);
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), six.begin())) return text_of(AF_INET, six.data() + 12);
  std::fill(six.begin() + 8, six.end(), std::uint8_t{0});
  return text_of(AF_INET6, six.data()) + "/64";
}

}  // namespace gatecast::limits
