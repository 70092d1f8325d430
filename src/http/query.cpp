#include "http/query.hpp"

#include <simdjson.h>

#include <algorithm>

namespace gatecast::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::space) {
      out.push_back(' ');
    } else if (text[i] == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

QueryValue find_query(std::string_view query, std::string_view name) {
  QueryValue found;
  bool seen = false;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals), Plus::space) != name) continue;
    if (seen) return QueryValue{std::nullopt, true, false};
    seen = true;
    found.value =
        percent_decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), Plus::space);
    found.malformed = !found.value || !is_plain_text(*found.value);
    if (found.malformed) found.value.reset();
  }
  return found;
}

bool is_plain_text(std::string_view bytes) {
  const bool controls = std::ranges::any_of(bytes, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
  return !controls && simdjson::validate_utf8(bytes.data(), bytes.size());
}

}  // namespace gatecast::http
