// Texts that come from outside, cut to what a row keeps. Pure.
#pragma once

#include <string>
#include <string_view>

namespace gatecast::session {

/// At most `bytes` of a text, not ending within a character.
inline std::string cut(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return std::string(text.substr(0, bytes));
}

}  // namespace gatecast::session
