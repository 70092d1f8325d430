// Which of a cluster's 16,384 slots a key is in (Redis Cluster specification, "Key distribution model" and "Hash
// tags").
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace gatecast::redis {

inline constexpr std::uint16_t kSlots = 16'384;

/// CRC-16/XMODEM.
std::uint16_t crc16(std::string_view bytes);
/// Of the key's first `{…}` where there is something in it, else of the whole key.
std::uint16_t slot_of(std::string_view key);

}  // namespace gatecast::redis
