// Which web pages may use the server: the Origin header against the configured list (RFC 6454).
//
// Entries: `https://app.example.com`, `http://localhost:5173`, `https://*.example.com` (any host below example.com, not
// example.com itself), `*`. With no entry only pages of the same host are allowed. A request without Origin comes from
// no page and is allowed. Built at start-up, read by any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace gatecast::http {

class OriginPolicy {
 public:
  /// `config_invalid` names the entry at fault.
  static Result<OriginPolicy> parse(std::span<const std::string> entries);

  /// `origin` is the Origin header (empty: none), `host` the Host header.
  bool allows(std::string_view origin, std::string_view host) const;

 private:
  struct Entry {
    std::string scheme;
    std::string host;  // of a wildcard: what must follow, with its dot
    std::string port;  // "" is the scheme's own
    bool wildcard = false;
  };
  std::vector<Entry> entries_;
  bool any_ = false;
};

}  // namespace gatecast::http
