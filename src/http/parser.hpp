// Reads one HTTP/1.x request from bytes in any pieces, strictly: what two parsers could read differently is refused.
//
// Place: between a connection's read buffer and its routes. Owner: one connection, for one request; one thread. Not
// kept while idle or after an upgrade.
// The head is collected whole, then split by Boost.Beast; what Beast 1.81 lets through is refused before and after:
// folded lines, other transfer codings than one `chunked`, chunked on 1.0, several or listed Content-Length, a missing,
// second or odd Host, more than kMaxHeaders fields. The chunked body is read here; extensions and trailers are dropped.
// Bounds: header_bytes of head, body_bytes of body, kMaxTargetBytes, 4 KB of chunk extensions and trailers.
// Errors: http_malformed, http_version, header_too_large, body_too_large, expectation_failed; dead after one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "http/chunked.hpp"
#include "http/message.hpp"

namespace gatecast::http {

struct Limits {
  std::size_t header_bytes = 32768;
  std::size_t body_bytes = 65536;
};

/// A table walk over more fields would cost more than the request is worth.
inline constexpr std::size_t kMaxHeaders = 100;
/// Room for a token in the query.
inline constexpr std::size_t kMaxTargetBytes = 8192;

class RequestParser {
 public:
  explicit RequestParser(Limits limits = {}) : limits_(limits) {}

  /// Reads from the front of `bytes` and returns how many it took: all of them until the request is done, and never
  /// one of the request behind it.
  Result<std::size_t> feed(std::string_view bytes);
  /// Whether the whole request is there.
  bool done() const { return phase_ == Phase::done; }
  /// Whether any byte of the request has come: a connection that has not begun one is idle, not slow.
  bool started() const { return phase_ != Phase::head || scanned_ != 0; }
  /// Whether the client waits for kContinue before it sends the body.
  bool expects_continue() const { return expects_continue_ && phase_ != Phase::done && !body_begun_; }
  /// What of the request has been read: its fields once the head was whole, also where it was then refused.
  const Request& so_far() const { return request_; }
  /// The request; once, when done. The parser then begins the next request.
  Request take();

 private:
  enum class Phase : std::uint8_t { head, sized_body, chunked_body, done, failed };

  Result<std::size_t> feed_head(std::string_view bytes);
  Result<std::size_t> scan_head(std::string_view bytes, bool& whole);
  Result<void> begin(std::string_view head);
  Result<std::size_t> feed_sized(std::string_view bytes);
  Result<std::size_t> feed_chunked(std::string_view bytes);

  Limits limits_;
  Phase phase_ = Phase::head;
  // The scan for the end of the head: what the last bytes were.
  enum class Scan : std::uint8_t { start, start_cr, line_start, line, cr, end_cr } scan_ = Scan::start;
  bool first_line_ = true;
  bool expects_continue_ = false;
  bool body_begun_ = false;
  Errc failure_{};
  std::size_t scanned_ = 0;      // bytes of the head so far, an empty line before it included
  std::string head_;             // what came of an unfinished head
  std::uint64_t remaining_ = 0;  // bytes of a sized body to come
  std::optional<ChunkedBody> chunked_;
  Request request_;
};

}  // namespace gatecast::http
