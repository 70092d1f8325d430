#include "http/chunked.hpp"

#include <algorithm>

#include "http/token.hpp"

namespace gatecast::http {
namespace {

constexpr unsigned kNoDigit = 16;
/// More digits than any size within a limit needs; what is longer hides an overflow or is padding.
constexpr unsigned kMaxSizeDigits = 16;

unsigned hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10u;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10u;
  return kNoDigit;
}

bool is_text(unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7F); }

Error malformed(const char* why) { return fail(Errc::http_malformed, why); }

}  // namespace

Result<std::size_t> ChunkedBody::feed(std::string_view bytes, std::string& body) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ != State::done) {
    if (state_ == State::data) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_, bytes.size() - used));
      body.append(bytes.substr(used, take));
      used += take;
      chunk_ -= take;
      if (chunk_ == 0) state_ = State::data_cr;
      continue;
    }
    if (auto ok = step(static_cast<unsigned char>(bytes[used]), body.size()); !ok) return std::move(ok.error());
    ++used;
  }
  return used;
}

Result<void> ChunkedBody::size_digit(unsigned value, std::size_t body_size) {
  if (++digits_ > kMaxSizeDigits) return malformed("chunk size of too many digits");
  chunk_ = chunk_ * 16 + value;
  state_ = State::size;
  if (chunk_ > limit_ - std::min(limit_, body_size)) return fail(Errc::body_too_large, "chunked body over the limit");
  return {};
}

Result<void> ChunkedBody::extra() {
  if (++extra_ > kMaxChunkExtraBytes)
    return fail(Errc::header_too_large, "chunk extensions or trailers over the limit");
  return {};
}

Result<void> ChunkedBody::step(unsigned char c, std::size_t body_size) {
  const unsigned digit = hex_digit(c);
  switch (state_) {
    case State::size_first:
      chunk_ = 0;
      digits_ = 0;
      if (digit == kNoDigit) return malformed("chunk size is not hexadecimal");
      return size_digit(digit, body_size);
    case State::size:
      if (digit != kNoDigit) return size_digit(digit, body_size);
      [[fallthrough]];
    case State::size_blank:
      // Blanks are allowed before an extension only (RFC 9112 §7.1.1).
      if (c == ';') {
        state_ = State::extension;
      } else if (c == ' ' || c == '\t') {
        state_ = State::size_blank;
      } else if (c == '\r' && state_ == State::size) {
        state_ = State::size_lf;
        return {};
      } else {
        return malformed("malformed chunk size");
      }
      return extra();
    case State::extension:
      if (c == '\r') {
        state_ = State::size_lf;
        return {};
      }
      if (!is_text(c)) return malformed("control character in a chunk extension");
      return extra();
    case State::size_lf:
      if (c != '\n') return malformed("bare CR after a chunk size");
      state_ = chunk_ == 0 ? State::trailer_start : State::data;
      return {};
    case State::data_cr:
      if (c != '\r') return malformed("chunk longer than its size");
      state_ = State::data_lf;
      return {};
    case State::data_lf:
      if (c != '\n') return malformed("bare CR after chunk data");
      state_ = State::size_first;
      return {};
    case State::trailer_start:
      if (c == '\r') {
        state_ = State::end_lf;
        return {};
      }
      [[fallthrough]];
    case State::trailer_name:
      if (c == ':' && state_ == State::trailer_name) {
        state_ = State::trailer_value;
      } else if (is_token_char(static_cast<char>(c))) {
        state_ = State::trailer_name;
      } else {
        return malformed("malformed trailer");
      }
      return extra();
    case State::trailer_value:
      if (c == '\r') {
        state_ = State::trailer_lf;
        return {};
      }
      if (!is_text(c)) return malformed("control character in a trailer");
      return extra();
    case State::trailer_lf:
      if (c != '\n') return malformed("bare CR in a trailer");
      state_ = State::trailer_start;
      return {};
    case State::end_lf:
      if (c != '\n') return malformed("bare CR after the trailers");
      state_ = State::done;
      return {};
    case State::data:
    case State::done: break;  // feed() does not come here
  }
  return {};
}

}  // namespace gatecast::http
