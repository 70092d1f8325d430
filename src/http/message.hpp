// HTTP requests and responses as values, and the text of a response (RFC 9110, RFC 9112).
//
// Place: parser -> Request -> routes -> Response -> serialize. Plain values; any thread. A Request made by the parser
// is bounded by its Limits. Header names are compared without regard to case.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"

namespace gatecast::http {

using Header = std::pair<std::string, std::string>;
using Headers = std::vector<Header>;

/// Equal without regard to the case of ASCII letters.
bool iequals(std::string_view a, std::string_view b);
/// The first field of that name, or empty.
std::string_view find_header(const Headers& headers, std::string_view name);
/// All fields of that name in their order, joined by ", " (RFC 9110 §5.3), or empty.
std::string join_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method;
  std::string target;  // as received
  std::string path;    // percent-decoded once; UTF-8; no dot segments, no control characters; "*" for OPTIONS *
  std::string query;   // as received, without the question mark
  Headers headers;     // names as received, values trimmed; Host is that of an absolute target where there is one
  std::string body;
  bool keep_alive = false;  // the connection may serve another request; never on HTTP/1.0
  bool http_1_1 = true;

  std::string_view header(std::string_view name) const { return find_header(headers, name); }
};

struct Response {
  unsigned status = 200;
  Headers headers{};
  std::string body{};
  bool close = false;  // ends the connection after this response

  /// Sets the field, replacing one of that name.
  void set(std::string_view name, std::string_view value);
};

/// The response's bytes. `head`: the answer to a HEAD request, with the body's length and no body. Writes Date,
/// Content-Length and, where the connection ends, Connection itself and ignores such fields in `headers`; of several
/// fields of one name the first is written. Control characters in values are left out, so that a value never makes a
/// header of its own; a malformed name is a bug of ours and aborts.
std::string serialize(const Response& response, bool head, std::string_view date);

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
std::string http_date(WallTime t);

/// The standard phrase of a status code, or empty.
std::string_view reason_phrase(unsigned status);

/// The interim answer to `Expect: 100-continue`.
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace gatecast::http
