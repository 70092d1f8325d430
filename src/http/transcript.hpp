// For tests and fuzzers: what a parser makes of bytes that arrive in given pieces, as lines of text.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "http/parser.hpp"

namespace gatecast::http {

inline std::string shown(std::string_view bytes) {
  constexpr std::size_t kShown = 80;
  if (bytes.size() > kShown) return fmt::format("{} bytes, {}", bytes.size(), shown(bytes.substr(bytes.size() - 4)));
  std::string out = "\"";
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (u < 0x20 || u >= 0x7F) {
      out += fmt::format("\\x{:02x}", u);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

inline void describe(const Request& request, std::string_view show, std::vector<std::string>& out) {
  const std::string query = request.query.empty() ? "" : "?" + request.query;
  out.push_back(fmt::format("{} {}{} {}", request.method, request.path, query, request.keep_alive ? "keep" : "close"));
  for (const auto& [name, value] : request.headers) {
    if (iequals(name, show)) out.push_back(fmt::format("{}: {}", name, shown(value)));
  }
  if (!request.body.empty()) out.push_back("body " + shown(request.body));
}

/// Feeds `bytes` in pieces that end at `cuts` (rising); each lies in a buffer of exactly its size. `show` names a field
/// whose values become lines. The last line is `partial` where a request has not ended.
inline std::vector<std::string> transcript(std::string_view bytes, const std::vector<std::size_t>& cuts, Limits limits,
                                           std::string_view show = {}) {
  std::vector<std::string> out;
  RequestParser parser(limits);
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? std::min(cuts[i], bytes.size()) : bytes.size();
    if (end < begin) continue;
    const std::vector<char> piece(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                                  bytes.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
    std::string_view rest(piece.data(), piece.size());
    while (!rest.empty()) {
      const auto used = parser.feed(rest);
      if (!used) {
        out.push_back(fmt::format("error {}: {}", info(used.error().code).name, used.error().detail));
        return out;
      }
      rest.remove_prefix(*used);
      if (parser.done()) describe(parser.take(), show, out);
    }
  }
  if (parser.started()) out.push_back("partial");
  return out;
}

}  // namespace gatecast::http
