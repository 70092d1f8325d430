#include "identity/plain_text.hpp"

#include <algorithm>
#include <cstdint>

namespace gatecast::identity {
namespace {

struct Lead {
  std::size_t bytes = 0;  // of the whole character; 0: no lead byte
  std::uint32_t bits = 0;
  std::uint32_t smallest = 0;  // a smaller value has a shorter form
};

Lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) return {1, byte, 0};
  if ((byte & 0xe0) == 0xc0) return {2, byte & 0x1fU, 0x80};
  if ((byte & 0xf0) == 0xe0) return {3, byte & 0x0fU, 0x800};
  if ((byte & 0xf8) == 0xf0) return {4, byte & 0x07U, 0x10000};
  return {};
}

bool is_shown_as_itself(std::uint32_t c) {
  if (c < 0x20) return c == '\n';
  if (c >= 0x7f && c <= 0x9f) return false;
  return c != 0x2028 && c != 0x2029;
}

// Whether `text` is UTF-8 (RFC 3629) and `allowed` holds of each of its characters.
template <class F>
bool is_utf8_of(std::string_view text, F allowed) {
  while (!text.empty()) {
    const Lead lead = lead_of(static_cast<std::uint8_t>(text.front()));
    if (lead.bytes == 0 || lead.bytes > text.size()) return false;
    std::uint32_t c = lead.bits;
    for (std::size_t i = 1; i < lead.bytes; ++i) {
      const auto byte = static_cast<std::uint8_t>(text[i]);
      if ((byte & 0xc0) != 0x80) return false;
      c = (c << 6) | (byte & 0x3fU);
    }
    const bool surrogate = c >= 0xd800 && c <= 0xdfff;
    if (c < lead.smallest || c > 0x10ffff || surrogate || !allowed(c)) return false;
    text.remove_prefix(lead.bytes);
  }
  return true;
}

}  // namespace

bool is_plain_text(std::string_view text) { return is_utf8_of(text, is_shown_as_itself); }

bool is_line_text(std::string_view text) {
  return is_utf8_of(text, [](std::uint32_t c) { return c >= 0x20; });
}

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e; });
}

}  // namespace gatecast::identity
