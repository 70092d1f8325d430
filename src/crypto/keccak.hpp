// Keccak-256 as Ethereum uses it: the padding of the competition (0x01), not that of SHA3-256 (0x06).
//
// Place: under Ethereum's addresses and signatures; nothing else hashes with it. Pure; any thread. Errors: none.
#pragma once

#include <string>
#include <string_view>

namespace gatecast::crypto {

/// 32 bytes.
std::string keccak256(std::string_view message);

}  // namespace gatecast::crypto
