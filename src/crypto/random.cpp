#include "crypto/random.hpp"

#include <sodium.h>

#include "core/text_form.hpp"
#include "crypto/sodium_ready.hpp"

namespace gatecast::crypto {

void random_fill(std::span<std::uint8_t> out) {
  sodium_ready();
  randombytes_buf(out.data(), out.size());
}

std::string random_bytes(std::size_t count) {
  sodium_ready();
  std::string out(count, '\0');
  randombytes_buf(out.data(), out.size());
  return out;
}

std::string uuid_v4() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3F) | 0x80);
  std::string text = hex_encode(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

std::string random_id(std::size_t length) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  // 252 is the largest multiple of 36 in a byte: what lies above would make the first letters likelier.
  static constexpr unsigned kFair = 256 / kAlphabet.size() * kAlphabet.size();
  std::string id;
  id.reserve(length);
  std::array<std::uint8_t, 64> pool{};
  while (id.size() < length) {
    random_fill(pool);
    for (const unsigned byte : pool) {
      if (byte < kFair && id.size() < length) id += kAlphabet[byte % kAlphabet.size()];
    }
  }
  return id;
}

}  // namespace gatecast::crypto
