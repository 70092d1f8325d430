// permessage-deflate (RFC 7692): the handshake's extension, and messages compressed and inflated.
//
// Place: server negotiates with `choose_deflate`, its forms compress a publication once for all, its connections
// inflate what a decoder marks as compressed. No context is taken over in either direction, so a connection keeps no
// state and a publication's bytes are the same for everybody. Threads: any; each has its own zlib streams (about 300
// KB), made at its first use. Bounds: an inflated message has `most` bytes. Errors: ws_protocol for bytes that are no
// deflate stream, ws_too_big.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::ws {

/// Smaller messages gain nothing.
inline constexpr std::size_t kDeflateFrom = 256;

/// The value of Sec-WebSocket-Extensions to answer `offers` (the client's, lines joined by ", ") with: the first offer
/// of permessage-deflate that can be met; nullopt: none, and the connection goes on without.
std::optional<std::string> choose_deflate(std::string_view offers);

/// Appends the compressed payload (RFC 7692 §7.2.1: without the empty block at its end).
void append_deflated(std::string& out, std::string_view message);

/// The message of a compressed payload.
Result<std::string> inflated(std::string_view payload, std::size_t most);

}  // namespace gatecast::ws
