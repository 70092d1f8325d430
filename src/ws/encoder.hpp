// The server's side of writing RFC 6455: frame headers, whole frames, close frames, none of them masked (§5.1).
//
// Pure; any thread. Nothing is fragmented: a message is one frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ws/frame.hpp"

namespace gatecast::ws {

/// The longest header a server writes.
inline constexpr std::size_t kMaxServerHeaderBytes = 10;
/// RFC 6455 §5.5: a close frame has 125 bytes, two of them the code.
inline constexpr std::size_t kMaxCloseReasonBytes = kMaxControlBytes - 2;

/// Writes the header of an unfragmented frame into `out` (kMaxServerHeaderBytes of room); returns its length: 2, 4 or
/// 10. `compressed` sets RSV1 (RFC 7692 §6).
std::size_t write_header(char* out, Opcode opcode, std::size_t length, bool compressed = false);

/// Appends header and payload. A control payload over 125 bytes is cut: it comes from us, except in a pong, whose ping
/// was bounded on reading.
void append_frame(std::string& out, Opcode opcode, std::string_view payload, bool compressed = false);

/// Appends a close frame; the reason is cut to 123 bytes at a character's end. A code that may not be on the wire
/// (0, 1005, 1006, 1015, …) makes a close frame without a payload.
void append_close(std::string& out, std::uint16_t code, std::string_view reason);

}  // namespace gatecast::ws
