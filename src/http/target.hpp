// The request target (RFC 9112 §3.2) and the Host field (RFC 9110 §7.2), so that no proxy can read them otherwise.
//
// Pure. Errors: http_malformed. Encoded slashes and backslashes are refused like dot segments: a proxy's rules and our
// routes would see different paths.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::http {

struct Target {
  std::string path;       // decoded once; "*" for the asterisk form
  std::string query;      // as received
  std::string authority;  // of the absolute form, else empty
};

/// Origin form, absolute form with http or https, and `*` for OPTIONS; CONNECT and its authority form are refused.
Result<Target> parse_target(std::string_view method, std::string_view target);

/// Host name, IPv4 address or bracketed IPv6 address, with or without a port.
bool valid_host(std::string_view host);

}  // namespace gatecast::http
