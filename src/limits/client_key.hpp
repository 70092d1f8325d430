// Whom a rate is counted for: an IPv4 address, or the /64 of an IPv6 address.
//
// A /64 is one household or host, and whoever has it has all its addresses. Pure.
#pragma once

#include <string>
#include <string_view>

namespace gatecast::limits {

/// `192.0.2.7`, `2001:db8:0:1::/64`; an IPv4 address in IPv6 form counts as IPv4. Everything that is not an address
/// shares one key, so that no form of writing escapes the count.
std::string client_key(std::string_view ip);

}  // namespace gatecast::limits
