#include "bench/frames.hpp"

#include "bench/process.hpp"

namespace gatecast::bench {

void append_masked(std::string& out, std::string_view text) {
  static constexpr char kMask[] = {0x11, 0x22, 0x33, 0x44};
  if (text.size() > 0xFFFF) die("a message of more than 65,535 bytes");
  out += static_cast<char>(0x81);
  if (text.size() < 126) {
    out += static_cast<char>(0x80 | text.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(text.size() >> 8);
    out += static_cast<char>(text.size() & 0xFF);
  }
  out.append(kMask, 4);
  for (std::size_t i = 0; i < text.size(); ++i) out += static_cast<char>(text[i] ^ kMask[i & 3]);
}

std::optional<FrameIn> first_frame(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  std::size_t head = 2;
  std::size_t length = byte(1) & 0x7Fu;
  if (length >= 126) {
    const std::size_t extra = length == 126 ? 2 : 8;
    head += extra;
    if (bytes.size() < head) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < extra; ++i) length = length << 8 | byte(2 + i);
  }
  if (bytes.size() < head + length) return std::nullopt;
  return FrameIn{byte(0), bytes.substr(head, length), head + length};
}

}  // namespace gatecast::bench
