#include "core/text_form.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace gatecast {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
// Longer base58 would cost more than linear work for input that no address or signature has.
constexpr std::size_t kMaxBase58Chars = 128;
constexpr std::uint8_t kNotADigit = 0xff;

using DigitTable = std::array<std::uint8_t, 256>;

constexpr DigitTable digits_of(std::string_view alphabet) {
  DigitTable table{};
  table.fill(kNotADigit);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}

constexpr DigitTable hex_digits() {
  DigitTable table = digits_of(kHexDigits);
  for (std::uint8_t i = 0; i < 6; ++i) table[static_cast<std::size_t>('A' + i)] = static_cast<std::uint8_t>(10 + i);
  return table;
}

constexpr DigitTable kHexValue = hex_digits();
constexpr DigitTable kBase64Value = digits_of(kBase64);
constexpr DigitTable kBase64UrlValue = digits_of(kBase64Url);
constexpr DigitTable kBase58Value = digits_of(kBase58);

std::uint8_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

// Writes the characters of RFC 4648 without padding.
std::string encode_64(std::string_view bytes, std::string_view alphabet) {
  std::string out((bytes.size() * 4 + 2) / 3, '\0');
  char* to = out.data();
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t bits =
        std::uint32_t{byte_at(bytes, i)} << 16 | std::uint32_t{byte_at(bytes, i + 1)} << 8 | byte_at(bytes, i + 2);
    *to++ = alphabet[bits >> 18];
    *to++ = alphabet[bits >> 12 & 63];
    *to++ = alphabet[bits >> 6 & 63];
    *to++ = alphabet[bits & 63];
  }
  if (i == bytes.size()) return out;
  const bool two = i + 2 == bytes.size();
  const std::uint32_t bits =
      std::uint32_t{byte_at(bytes, i)} << 16 | (two ? std::uint32_t{byte_at(bytes, i + 1)} << 8 : 0);
  *to++ = alphabet[bits >> 18];
  *to++ = alphabet[bits >> 12 & 63];
  if (two) *to++ = alphabet[bits >> 6 & 63];
  return out;
}

// Reads characters without padding. One character left over holds no byte; bits left over must be zero, otherwise
// several texts would stand for the same bytes.
std::optional<std::string> decode_64(std::string_view text, const DigitTable& values) {
  const std::size_t left = text.size() % 4;
  if (left == 1) return std::nullopt;
  const std::size_t whole = text.size() - left;
  std::string out(whole / 4 * 3 + (left == 0 ? 0 : left - 1), '\0');
  char* to = out.data();
  // Every value is below 64 but for kNotADigit, whose highest bit stays in the sum of all.
  std::uint32_t seen = 0;
  const auto value = [&](std::size_t i) {
    const std::uint32_t digit = values[byte_at(text, i)];
    seen |= digit;
    return digit;
  };
  const auto put = [&to](std::uint32_t byte) { *to++ = static_cast<char>(byte & 0xff); };
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint32_t bits = value(i) << 18 | value(i + 1) << 12 | value(i + 2) << 6 | value(i + 3);
    put(bits >> 16);
    put(bits >> 8);
    put(bits);
  }
  std::uint32_t rest = 0;
  if (left != 0) {
    const std::uint32_t bits = value(whole) << 12 | value(whole + 1) << 6 | (left == 3 ? value(whole + 2) : 0);
    put(bits >> 10);
    if (left == 3) put(bits >> 2);
    rest = left == 3 ? bits & 3 : bits & 0x3ff;
  }
  if ((seen & 0x80) != 0 || rest != 0) return std::nullopt;
  return out;
}

}  // namespace

std::string hex_encode(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out.push_back(kHexDigits[byte_at(bytes, i) >> 4]);
    out.push_back(kHexDigits[byte_at(bytes, i) & 15]);
  }
  return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::uint8_t high = kHexValue[byte_at(text, i)];
    const std::uint8_t low = kHexValue[byte_at(text, i + 1)];
    if (high == kNotADigit || low == kNotADigit) return std::nullopt;
    out.push_back(static_cast<char>((high << 4) | low));
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  std::string out = encode_64(bytes, kBase64);
  out.append((4 - out.size() % 4) % 4, '=');
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  text.remove_suffix(padding);
  return decode_64(text, kBase64Value);
}

std::string base64url_encode(std::string_view bytes) { return encode_64(bytes, kBase64Url); }

std::optional<std::string> base64url_decode(std::string_view text) { return decode_64(text, kBase64UrlValue); }

std::string base58_encode(std::string_view bytes) {
  const std::size_t zeros = std::min(bytes.find_first_not_of('\0'), bytes.size());
  std::vector<std::uint8_t> digits;  // least significant first
  for (std::size_t i = zeros; i < bytes.size(); ++i) {
    std::uint32_t carry = byte_at(bytes, i);
    for (auto& digit : digits) {
      carry += static_cast<std::uint32_t>(digit) << 8;
      digit = static_cast<std::uint8_t>(carry % 58);
      carry /= 58;
    }
    for (; carry > 0; carry /= 58) digits.push_back(static_cast<std::uint8_t>(carry % 58));
  }
  std::string out(zeros, kBase58.front());
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) out.push_back(kBase58[*digit]);
  return out;
}

std::optional<std::string> base58_decode(std::string_view text) {
  if (text.size() > kMaxBase58Chars) return std::nullopt;
  const std::size_t zeros = std::min(text.find_first_not_of(kBase58.front()), text.size());
  std::vector<std::uint8_t> bytes;  // least significant first
  for (std::size_t i = zeros; i < text.size(); ++i) {
    std::uint32_t carry = kBase58Value[byte_at(text, i)];
    if (carry == kNotADigit) return std::nullopt;
    for (auto& byte : bytes) {
      carry += static_cast<std::uint32_t>(byte) * 58;
      byte = static_cast<std::uint8_t>(carry & 0xff);
      carry >>= 8;
    }
    for (; carry > 0; carry >>= 8) bytes.push_back(static_cast<std::uint8_t>(carry & 0xff));
  }
  std::string out(zeros, '\0');
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) out.push_back(static_cast<char>(*byte));
  return out;
}

}  // namespace gatecast
