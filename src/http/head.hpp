// Splits and judges a whole request head: request line and fields, up to the empty line.
//
// Place: a part of RequestParser; the only unit that sees Boost.Beast. Pure.
// Errors: http_malformed, http_version, header_too_large, expectation_failed.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.hpp"
#include "http/message.hpp"

namespace gatecast::http {

struct Head {
  Request request{};  // all but the body
  bool chunked = false;
  std::uint64_t content_length = 0;
  bool expects_continue = false;
};

/// `head` ends in CR LF CR LF and holds no bare CR or LF, no folded line and no control character but HTAB.
Result<Head> parse_head(std::string_view head);

}  // namespace gatecast::http
