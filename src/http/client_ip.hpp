// Who is behind the proxies: address and scheme of the client.
//
// Forwarded fields are believed only where the peer is a trusted proxy, and of X-Forwarded-For only what such proxies
// wrote: the right-most address that is none of theirs. Anything a client wrote stands further left and is never read.
// Pure; TrustedProxies is built at start-up and read by any thread. Addresses come out in their canonical form,
// IPv4-mapped IPv6 as IPv4, without ports.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "http/message.hpp"

namespace gatecast::http {

/// An address as 16 bytes; IPv4 in its mapped form.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool is_v4() const;
  std::string text() const;
  bool operator==(const IpAddress&) const = default;
};
/// Reads `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; nothing for anything else.
std::optional<IpAddress> parse_address(std::string_view text);

class TrustedProxies {
 public:
  /// Entries are addresses or CIDR blocks; `config_invalid` names the one at fault. Bits behind the prefix must be 0.
  static Result<TrustedProxies> parse(std::span<const std::string> entries);
  bool contains(const IpAddress& address) const;

 private:
  struct Block {
    IpAddress address;
    unsigned bits;  // of 128
  };
  std::vector<Block> blocks_;
};

/// The client's address. `peer` is the socket's; where it is no address (a Unix socket) it comes back as it is.
std::string client_ip(std::string_view peer, const Headers& headers, const TrustedProxies& proxies);

/// "https" or "http": what a trusted peer's X-Forwarded-Proto says, else whether this socket has TLS.
std::string client_scheme(std::string_view peer, const Headers& headers, const TrustedProxies& proxies, bool tls);

}  // namespace gatecast::http
