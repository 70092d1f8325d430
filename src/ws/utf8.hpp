// UTF-8 of RFC 3629, checked as it arrives: no surrogates, no overlong forms, nothing above U+10FFFF.
//
// A few bytes of state, fed in any pieces; a wrong byte is noticed when it is fed, not at the end. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace gatecast::ws {

class Utf8 {
 public:
  /// Returns false once the bytes so far cannot be the beginning of valid UTF-8.
  bool feed(std::string_view bytes);
  /// Whether the bytes so far end at a character's end.
  bool complete() const { return missing_ == 0; }

 private:
  std::uint8_t missing_ = 0;  // continuation bytes to come
  std::uint8_t low_ = 0x80;   // the next byte's range: narrower than 80..BF after E0, ED, F0 and F4
  std::uint8_t high_ = 0xBF;
};

inline bool valid_utf8(std::string_view bytes) {
  Utf8 check;
  return check.feed(bytes) && check.complete();
}

/// The longest prefix of at most `limit` bytes that does not end within a character.
std::string_view cut_utf8(std::string_view text, std::size_t limit);

}  // namespace gatecast::ws
