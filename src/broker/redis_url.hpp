// What a Redis URL says, checked without a socket.
//
//   redis://[user][:password@]host[:port][/db]                 rediss://…: by TLS
//   redis+sentinel://[user:password@]host[:port],…/master[/db]?sentinel_user=…&sentinel_password=…
//   redis+cluster://[user:password@]host[:port],…              rediss+sentinel://, rediss+cluster://: by TLS
//
// Place: read by adapters/redis and by the check of the configuration. Threads: any. User, password and master's name
// are percent-decoded; IPv6 addresses stand in brackets. Bounds: 2048 bytes, 64 hosts. Errors: config_invalid, whose
// detail names what is wrong and never a secret.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/secret.hpp"
#include "core/service_url.hpp"

namespace gatecast::broker {

struct RedisAddress {
  std::string host{};  // a name or an address, without brackets
  std::uint16_t port = 6379;
  auto operator<=>(const RedisAddress&) const = default;
  /// "127.0.0.1:6379", "[::1]:6379"
  std::string shown() const;
};

struct RedisUrl {
  enum class Form : std::uint8_t { standalone, sentinel, cluster };
  Form form = Form::standalone;
  bool tls = false;
  std::vector<RedisAddress> hosts{};
  std::string user{};
  Secret password{};
  std::string master{};  // as the sentinels call it
  unsigned db = 0;
  std::string sentinel_user{};
  Secret sentinel_password{};
};

/// Whether the scheme is one of Redis'.
bool is_redis_scheme(std::string_view scheme);
Result<RedisUrl> parse_redis_url(const ServiceUrl& url);
/// What keys and topics may begin with: printable ASCII without blanks, `{` and `}` (they would move slots), at
/// most 64.
bool is_redis_prefix(std::string_view text);

}  // namespace gatecast::broker
