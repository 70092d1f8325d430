// Where a stream stands, and the eight letters by which clients know its epoch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatecast::broker {

/// The offset of a stream's newest publication within one epoch. Offset 0: nothing was published, or no history is
/// kept.
struct StreamPosition {
  std::uint64_t offset = 0;
  std::uint64_t epoch = 0;  // below kEpochs; kAnyEpoch in what clients ask for
  bool operator==(const StreamPosition&) const = default;
};

inline constexpr std::uint64_t kEpochs = 53'459'728'531'456;  // 52^8
inline constexpr std::uint64_t kAnyEpoch = ~std::uint64_t{0};
inline constexpr std::uint64_t kNoEpoch = kAnyEpoch - 1;  // of no stream

/// Eight letters.
inline std::string epoch_text(std::uint64_t epoch) {
  std::string text(8, 'a');
  for (char& c : text) {
    const auto letter = static_cast<char>(epoch % 52);
    c = static_cast<char>(letter < 26 ? 'a' + letter : 'A' + letter - 26);
    epoch /= 52;
  }
  return text;
}

/// What `text` means as the epoch of a client's position: empty is any, what we never wrote is none.
inline std::uint64_t epoch_asked(std::string_view text) {
  if (text.empty()) return kAnyEpoch;
  if (text.size() != 8) return kNoEpoch;
  std::uint64_t epoch = 0;
  for (std::size_t i = 8; i-- > 0;) {
    const char c = text[i];
    const bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    if (!lower && !upper) return kNoEpoch;
    epoch = epoch * 52 + static_cast<std::uint64_t>(lower ? c - 'a' : c - 'A' + 26);
  }
  return epoch;
}

}  // namespace gatecast::broker
