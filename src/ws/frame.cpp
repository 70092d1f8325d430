#include "ws/frame.hpp"

#include <bit>
#include <cstring>

namespace gatecast::ws {

void unmask(std::span<char> data, std::uint32_t key, std::size_t phase) {
  static_assert(std::endian::native == std::endian::little);
  const std::uint32_t turned = std::rotr(key, static_cast<int>(8 * (phase % 4)));
  const std::uint64_t wide = (std::uint64_t{turned} << 32) | turned;
  char* p = data.data();
  std::size_t left = data.size();
  for (; left >= sizeof wide; left -= sizeof wide, p += sizeof wide) {
    std::uint64_t word;
    std::memcpy(&word, p, sizeof word);
    word ^= wide;
    std::memcpy(p, &word, sizeof word);
  }
  for (std::size_t i = 0; i < left; ++i) p[i] = static_cast<char>(p[i] ^ static_cast<char>(wide >> (8 * i)));
}

}  // namespace gatecast::ws
