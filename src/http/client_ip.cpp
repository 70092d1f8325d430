#include "http/client_ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gatecast::http {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr unsigned kMappedBits = 96;
/// A chain of proxies longer than this is a forgery; what stands before is not read.
constexpr int kMaxHops = 64;

std::string_view trim(std::string_view s) {
  const auto begin = s.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return s.substr(begin, s.find_last_not_of(" \t") - begin + 1);
}

bool valid_port(std::string_view port) {
  return !port.empty() && port.size() <= 5 && std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<IpAddress> parse_v4(std::string_view text) {
  const std::string terminated(text);
  IpAddress out;
  std::ranges::copy(kMappedPrefix, out.bytes.begin());
  if (inet_pton(AF_INET, terminated.c_str(), out.bytes.data() + kMappedPrefix.size()) != 1) return std::nullopt;
  return out;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  const std::string terminated(text);
  IpAddress out;
  if (inet_pton(AF_INET6, terminated.c_str(), out.bytes.data()) != 1) return std::nullopt;
  return out;
}

/// Calls `visit` with the elements of a comma-separated list from the right until it returns false.
template <class Visit>
void from_right(std::string_view list, Visit visit) {
  for (int hop = 0; hop < kMaxHops; ++hop) {
    const std::size_t comma = list.rfind(',');
    const bool last = comma == std::string_view::npos;
    if (!visit(trim(last ? list : list.substr(comma + 1))) || last) return;
    list = list.substr(0, comma);
  }
}

bool trusted_peer(std::string_view peer, const TrustedProxies& proxies) {
  const auto address = parse_address(peer);
  return address && proxies.contains(*address);
}

}  // namespace

bool IpAddress::is_v4() const { return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin()); }

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  const bool v4 = is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? kMappedPrefix.size() : 0), buffer, sizeof buffer);
  return buffer;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  if (text.empty() || text.size() > 64 || text.find('\0') != std::string_view::npos) return std::nullopt;
  if (text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && (rest.front() != ':' || !valid_port(rest.substr(1)))) return std::nullopt;
    return parse_v6(text.substr(1, end - 1));
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return parse_v4(text);
  if (text.find(':', colon + 1) != std::string_view::npos) return parse_v6(text);
  if (!valid_port(text.substr(colon + 1))) return std::nullopt;
  return parse_v4(text.substr(0, colon));
}

Result<TrustedProxies> TrustedProxies::parse(std::span<const std::string> entries) {
  TrustedProxies out;
  for (const std::string& entry : entries) {
    const auto bad = [&entry](const char* why) {
      return fail(Errc::config_invalid, "trusted proxy \"" + entry + "\": " + why);
    };
    const std::string_view text = entry;
    const std::size_t slash = text.find('/');
    const std::string_view base = text.substr(0, slash);
    const bool v6 = base.find(':') != std::string_view::npos;
    const auto address = v6 ? parse_v6(base) : parse_v4(base);
    if (!address) return bad("not an address or CIDR block");
    unsigned bits = v6 ? 128 : 32;
    if (slash != std::string_view::npos) {
      const std::string_view prefix = text.substr(slash + 1);
      unsigned given = 0;
      const auto [end, ec] = std::from_chars(prefix.data(), prefix.data() + prefix.size(), given);
      if (ec != std::errc{} || end != prefix.data() + prefix.size() || given > bits)
        return bad("malformed prefix length");
      bits = given;
    }
    if (!v6) bits += kMappedBits;
    for (unsigned bit = bits; bit < 128; ++bit) {
      if ((address->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return bad("bits set behind the prefix");
    }
    out.blocks_.push_back({*address, bits});
  }
  return out;
}

bool TrustedProxies::contains(const IpAddress& address) const {
  return std::ranges::any_of(blocks_, [&address](const Block& block) {
    const std::size_t whole = block.bits / 8;
    if (std::memcmp(address.bytes.data(), block.address.bytes.data(), whole) != 0) return false;
    const unsigned rest = block.bits % 8;
    return rest == 0 || (address.bytes[whole] ^ block.address.bytes[whole]) >> (8 - rest) == 0;
  });
}

std::string client_ip(std::string_view peer, const Headers& headers, const TrustedProxies& proxies) {
  const auto peer_address = parse_address(peer);
  if (!peer_address) return std::string(peer);
  IpAddress client = *peer_address;
  if (!proxies.contains(client)) return client.text();

  const std::string forwarded = join_header(headers, "x-forwarded-for");
  if (forwarded.empty()) {
    // One field only: of two, one was not written by the proxy.
    const auto real = parse_address(trim(join_header(headers, "x-real-ip")));
    return real ? real->text() : client.text();
  }
  from_right(forwarded, [&](std::string_view hop) {
    const auto address = parse_address(hop);
    if (!address) return false;  // garbage: the last proxy we trust is the best we know
    client = *address;
    return proxies.contains(client);
  });
  return client.text();
}

std::string client_scheme(std::string_view peer, const Headers& headers, const TrustedProxies& proxies, bool tls) {
  std::string scheme = tls ? "https" : "http";
  if (!trusted_peer(peer, proxies)) return scheme;
  from_right(join_header(headers, "x-forwarded-proto"), [&](std::string_view said) {
    if (iequals(said, "https")) scheme = "https";
    if (iequals(said, "http")) scheme = "http";
    return false;
  });
  return scheme;
}

}  // namespace gatecast::http
