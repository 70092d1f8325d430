// The token of RFC 9110 §5.6.2: what methods and field names are made of. Pure.
#pragma once

#include <algorithm>
#include <string_view>

namespace gatecast::http {

constexpr bool is_token_char(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_char); }

}  // namespace gatecast::http
