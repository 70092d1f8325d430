// Randomness from the operating system, for keys, nonces and ids alike.
//
// Threads: any; each keeps up to 512 bytes that the system gave it. The process must not fork and go on with both
// sides: they would share them. Errors: none; a system without randomness aborts the process, for nothing it signs
// would be safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace gatecast::crypto {

void random_fill(std::span<std::uint8_t> out);
std::string random_bytes(std::size_t count);
std::uint64_t random_number();
/// In [0, 1), in steps of 2^-53.
double random_share();
/// RFC 9562 version 4, lower case with hyphens.
std::string uuid_v4();
/// `length` characters of [a-z0-9], each equally likely (5.17 bits a character).
std::string random_id(std::size_t length);

}  // namespace gatecast::crypto
