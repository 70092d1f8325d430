// SipHash-2-4 with 128 bits of output (Aumasson, Bernstein): a keyed hash for tables whose keys others may choose.
//
// Pure; any thread. About 40 ns for a session id. Not a signature: signing is crypto's.
#pragma once

#include <cstdint>
#include <string_view>

namespace gatecast::session {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

Hash128 sip_hash_128(const SipKey& key, std::string_view bytes);

}  // namespace gatecast::session
