// The chunked transfer coding (RFC 9112 §7.1), strictly: chunk sizes are hexadecimal digits, lines end in CR LF.
//
// Place: a part of RequestParser. A few bytes of state; data is appended to the caller's body. Chunk extensions and
// trailers are read and dropped.
// Bounds: the body as told, kMaxChunkExtraBytes of extensions and trailers. Errors: http_malformed, body_too_large,
// header_too_large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::http {

/// Extensions and trailers of one request; nothing that speaks to us needs any.
inline constexpr std::size_t kMaxChunkExtraBytes = 4096;

class ChunkedBody {
 public:
  explicit ChunkedBody(std::size_t body_bytes) : limit_(body_bytes) {}

  /// Reads from the front of `bytes`, appends data to `body`; returns how many bytes it took.
  Result<std::size_t> feed(std::string_view bytes, std::string& body);
  bool done() const { return state_ == State::done; }

 private:
  enum class State : std::uint8_t {
    size_first,
    size,
    size_blank,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
    done
  };

  Result<void> step(unsigned char c, std::size_t body_size);
  Result<void> size_digit(unsigned value, std::size_t body_size);
  Result<void> extra();

  std::size_t limit_;
  std::uint64_t chunk_ = 0;  // size being read, then data bytes to come
  std::size_t extra_ = 0;
  std::uint8_t digits_ = 0;
  State state_ = State::size_first;
};

}  // namespace gatecast::http
