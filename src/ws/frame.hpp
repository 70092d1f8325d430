// Frames of RFC 6455 §5.2: opcodes, close codes, bounds, and the mask. What decoder and encoder share. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gatecast::ws {

enum class Opcode : std::uint8_t { continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA };

/// Two bytes, eight of extended length, four of mask.
inline constexpr std::size_t kMaxHeaderBytes = 14;
/// RFC 6455 §5.5: a longer control frame is a protocol error at every peer.
inline constexpr std::size_t kMaxControlBytes = 125;
/// RFC 6455 §7.4.1: what a close frame without a payload stands for; never on the wire.
inline constexpr std::uint16_t kCloseNoStatus = 1005;

/// Whether `code` may stand in a close frame (RFC 6455 §7.4): 1000–1003, 1007–1014, 3000–4999.
constexpr bool close_code_allowed(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/// Applies the mask in place (RFC 6455 §5.3). `key` holds the four bytes as they were read (memcpy); `phase` is the
/// number of payload bytes before `data`.
void unmask(std::span<char> data, std::uint32_t key, std::size_t phase);

}  // namespace gatecast::ws
