#include "identity/uri_text.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <utility>

namespace gatecast::identity {
namespace {

constexpr std::string_view kGenDelims = ":/?#[]@";
constexpr std::string_view kSubDelims = "!$&'()*+,;=";
constexpr std::string_view kUnreservedMarks = "-._~";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }
bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }
bool is_unreserved(char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, kUnreservedMarks); }

// Whether `text` is unreserved characters, sub-delims, escapes and characters of `more`.
bool consists_of(std::string_view text, std::string_view more) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_unreserved(c) || is_one_of(c, kSubDelims) || is_one_of(c, more)) continue;
    if (c != '%' || i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
    i += 2;
  }
  return true;
}

// inet_pton reads up to the first NUL, so the characters are checked before.
bool is_ipv6(std::string_view text) {
  if (!std::ranges::all_of(text, [](char c) { return is_hex(c) || c == ':' || c == '.'; })) return false;
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

// `host[:port]`, the host possibly empty.
bool is_host_and_port(std::string_view text) {
  std::size_t host_end = std::min(text.find(':'), text.size());
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1))) return false;
    host_end = close + 1;
  } else if (!consists_of(text.substr(0, host_end), "")) {
    return false;
  }
  const std::string_view port = text.substr(host_end);
  return port.empty() || (port.front() == ':' && std::ranges::all_of(port.substr(1), is_digit));
}

bool is_authority_or_empty(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return is_host_and_port(text);
  return consists_of(text.substr(0, at), ":") && is_host_and_port(text.substr(at + 1));
}

// Cuts `text` before the first of `marks` and returns what follows, the mark included.
std::string_view cut_before(std::string_view& text, std::string_view marks) {
  const std::size_t at = std::min(text.find_first_of(marks), text.size());
  const std::string_view rest = text.substr(at);
  text = text.substr(0, at);
  return rest;
}

}  // namespace

bool is_scheme(std::string_view text) {
  return !text.empty() && is_alpha(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "+-."); });
}

bool is_authority(std::string_view text) {
  const std::string_view host = text.substr(text.find('@') + 1);  // npos + 1 is 0
  return !host.empty() && host.front() != ':' && is_authority_or_empty(text);
}

bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !is_scheme(text.substr(0, colon))) return false;
  text.remove_prefix(colon + 1);
  std::string_view query = cut_before(text, "?#");
  std::string_view fragment = query.starts_with('#') ? std::exchange(query, {}) : cut_before(query, "#");
  for (std::string_view* part : {&query, &fragment}) {
    if (part->empty()) continue;
    part->remove_prefix(1);  // its mark
    if (!consists_of(*part, ":@/?")) return false;
  }
  if (!text.starts_with("//")) return consists_of(text, ":@/");
  text.remove_prefix(2);
  const std::string_view path = cut_before(text, "/");
  return is_authority_or_empty(text) && consists_of(path, ":@/");
}

bool is_path_text(std::string_view text) { return consists_of(text, ":@"); }

bool is_statement_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return c == ' ' || is_unreserved(c) || is_one_of(c, kGenDelims) || is_one_of(c, kSubDelims);
  });
}

}  // namespace gatecast::identity
