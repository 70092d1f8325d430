// The network an address belongs to, as far as a page reload is concerned: its /24 (IPv4) or /64 (IPv6).
//
// Place: used by stores to judge whether a nonce comes again from where it came first. Pure; any thread.
#pragma once

#include <string>

namespace gatecast::store {

/// Whether both are addresses and lie in one /24 or /64. An IPv4 address inside IPv6 (::ffff:192.0.2.1) counts as IPv4.
/// False where one of them is no address: what cannot be judged is not equal.
bool same_address_prefix(const std::string& one, const std::string& other);

}  // namespace gatecast::store
