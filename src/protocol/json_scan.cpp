#include "protocol/json_scan.hpp"

#include <simdjson.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "protocol/json_check.hpp"

namespace gatecast::protocol {

namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101U;
constexpr std::uint64_t kHighs = 0x8080808080808080U;

/// Marks, with the high bit, bytes of `word` that end or interrupt a string: quote, backslash, below 0x20. Only the
/// lowest mark is exact, which is the one that is used.
std::uint64_t string_stops(std::uint64_t word) {
  const std::uint64_t quote = word ^ (kOnes * '"');
  const std::uint64_t backslash = word ^ (kOnes * '\\');
  return (((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) | ((word - kOnes * 0x20) & ~word)) & kHighs;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The four hex digits at `p`, which the scan has seen.
std::uint32_t code_unit(const char* p) {
  std::uint32_t unit = 0;
  for (int i = 0; i < 4; ++i) unit = unit << 4 | static_cast<std::uint32_t>(hex_value(p[i]));
  return unit;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

/// The code point of the \u escape whose digits begin at `p`; moves `p` to the last digit used.
std::optional<std::uint32_t> code_point(const char*& p, const char* end) {
  const std::uint32_t first = code_unit(p);
  p += 3;
  if (first < 0xD800 || first > 0xDFFF) return first;
  if (first > 0xDBFF || end - p < 7 || p[1] != '\\' || p[2] != 'u') return std::nullopt;
  const std::uint32_t second = code_unit(p + 3);
  if (second < 0xDC00 || second > 0xDFFF) return std::nullopt;
  p += 6;
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

}  // namespace

bool is_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

bool JsonScan::literal(std::string_view word) {
  if (!rest().starts_with(word)) return false;
  p_ += word.size();
  return true;
}

bool JsonScan::escape() {
  if (p_ == end_) return false;
  switch (*p_++) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return true;
    case 'u':
      if (end_ - p_ < 4) return false;
      for (int i = 0; i < 4; ++i, ++p_) {
        if (hex_value(*p_) < 0) return false;
      }
      return true;
    default: return false;
  }
}

bool JsonScan::string(Text& text) {
  if (!take('"')) return false;
  const char* begin = p_;
  text.escaped = false;
  for (;;) {
    if constexpr (std::endian::native == std::endian::little) {
      while (end_ - p_ >= 8) {
        std::uint64_t word;
        std::memcpy(&word, p_, 8);
        if (const std::uint64_t stops = string_stops(word); stops != 0) {
          p_ += std::countr_zero(stops) / 8;
          break;
        }
        p_ += 8;
      }
    }
    if (p_ == end_) return false;
    const char c = *p_;
    if (c == '"') {
      text.raw = {begin, static_cast<std::size_t>(p_ - begin)};
      ++p_;
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20) return false;
    ++p_;
    if (c == '\\') {
      text.escaped = true;
      if (!escape()) return false;
    }
  }
}

bool JsonScan::digits() {
  if (p_ == end_ || !is_digit(*p_)) return false;
  while (p_ != end_ && is_digit(*p_)) ++p_;
  return true;
}

bool JsonScan::number() {
  take('-');
  if (!take('0') && !digits()) return false;
  if (take('.') && !digits()) return false;
  if (peek() == 'e' || peek() == 'E') {
    ++p_;
    if (!take('+')) take('-');
    if (!digits()) return false;
  }
  return true;
}

bool JsonScan::name_and_colon(Text& name) {
  if (!string(name)) return false;
  skip_space();
  if (!take(':')) return false;
  skip_space();
  return true;
}

bool JsonScan::value(std::string_view& slice) {
  const char* begin = p_;
  std::uint64_t objects = 0;  // bit i: the container at depth i is an object
  static_assert(kMaxJsonDepth <= 64);
  unsigned depth = 0;
  Text text;
  for (;;) {
    switch (peek()) {  // a value begins here
      case '{':
      case '[': {
        if (depth == kMaxJsonDepth) return false;
        const bool object = *p_++ == '{';
        skip_space();
        if (take(object ? '}' : ']')) break;
        const std::uint64_t bit = std::uint64_t{1} << depth++;
        objects = object ? objects | bit : objects & ~bit;
        if (object && !name_and_colon(text)) return false;
        continue;
      }
      case '"':
        if (!string(text)) return false;
        break;
      case 't':
        if (!literal("true")) return false;
        break;
      case 'f':
        if (!literal("false")) return false;
        break;
      case 'n':
        if (!literal("null")) return false;
        break;
      default:
        if (!number()) return false;
    }
    for (;;) {  // a value has ended here
      if (depth == 0) {
        slice = {begin, static_cast<std::size_t>(p_ - begin)};
        return true;
      }
      skip_space();
      const bool object = (objects >> (depth - 1) & 1) != 0;
      if (take(',')) {
        skip_space();
        if (object && !name_and_colon(text)) return false;
        break;
      }
      if (!take(object ? '}' : ']')) return false;
      --depth;
    }
  }
}

bool JsonScan::unsigned_integer(std::uint64_t max, std::uint64_t& out) {
  if (!is_digit(peek())) return false;
  const char* begin = p_;
  if (!number()) return false;
  const auto [end, error] = std::from_chars(begin, p_, out);
  return error == std::errc{} && end == p_ && out <= max;
}

bool JsonScan::signed_integer(std::int64_t min, std::int64_t max, std::int64_t& out) {
  const char* begin = p_;
  if (!number()) return false;
  const auto [end, error] = std::from_chars(begin, p_, out);
  return error == std::errc{} && end == p_ && out >= min && out <= max;
}

std::optional<std::string_view> unescape(const JsonScan::Text& text, std::string& scratch) {
  if (!text.escaped) return text.raw;
  const std::size_t begin = scratch.size();
  const char* end = text.raw.data() + text.raw.size();
  for (const char* p = text.raw.data(); p != end; ++p) {
    if (*p != '\\') {
      scratch += *p;
      continue;
    }
    switch (*++p) {
      case 'b': scratch += '\b'; break;
      case 'f': scratch += '\f'; break;
      case 'n': scratch += '\n'; break;
      case 'r': scratch += '\r'; break;
      case 't': scratch += '\t'; break;
      case 'u': {
        ++p;
        const auto point = code_point(p, end);
        if (!point) return std::nullopt;
        append_utf8(scratch, *point);
        break;
      }
      default: scratch += *p;
    }
  }
  return std::string_view(scratch).substr(begin);
}

bool text_equals(const JsonScan::Text& text, std::string_view name) {
  if (!text.escaped) return text.raw == name;
  // The longest form of a byte is \u00xx; what is longer than that need not be unescaped.
  if (text.raw.size() > name.size() * 6) return false;
  std::string scratch;
  const auto plain = unescape(text, scratch);
  return plain && *plain == name;
}

}  // namespace gatecast::protocol
