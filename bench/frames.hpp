// WebSocket frames from a client's side (RFC 6455 §5): masked ones out, unmasked ones in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatecast::bench {

/// Appends `text` as one masked text frame; at most 65,535 bytes.
void append_masked(std::string& out, std::string_view text);

struct FrameIn {
  unsigned char first = 0;  // FIN, RSV, opcode
  std::string_view payload{};
  std::size_t bytes = 0;  // with its head
};
/// The frame that `bytes` begins with, where it is there whole.
std::optional<FrameIn> first_frame(std::string_view bytes);

}  // namespace gatecast::bench
