#include "ws/utf8.hpp"

#include <cstring>

namespace gatecast::ws {
namespace {

/// The number of leading bytes, in steps of eight, that are ASCII.
std::size_t ascii_run(const char* p, std::size_t size) {
  std::size_t i = 0;
  for (; size - i >= 8; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, p + i, sizeof word);
    if ((word & 0x8080808080808080u) != 0) break;
  }
  return i;
}

}  // namespace

// The second byte's ranges are those of the table in RFC 3629 §4.
bool Utf8::feed(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (missing_ == 0) {
      i += ascii_run(bytes.data() + i, bytes.size() - i);
      if (i == bytes.size()) return true;
    }
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (missing_ != 0) {
      if (c < low_ || c > high_) return false;
      --missing_;
      low_ = 0x80;
      high_ = 0xBF;
    } else if (c >= 0x80) {
      if (c < 0xC2 || c > 0xF4) return false;
      missing_ = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
      if (c == 0xE0) low_ = 0xA0;
      if (c == 0xED) high_ = 0x9F;
      if (c == 0xF0) low_ = 0x90;
      if (c == 0xF4) high_ = 0x8F;
    }
  }
  return true;
}

std::string_view cut_utf8(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace gatecast::ws
