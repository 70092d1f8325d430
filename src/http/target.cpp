#include "http/target.hpp"

#include <algorithm>

#include "http/message.hpp"
#include "http/query.hpp"

namespace gatecast::http {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// Visible ASCII without those that browsers encode and some servers read as something else.
bool valid_raw_path(std::string_view path) {
  return std::ranges::all_of(
      path, [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '<' && c != '>' && c != '\\' && c != '#'; });
}
bool valid_raw_query(std::string_view query) {
  return std::ranges::all_of(query, [](char c) { return c > ' ' && c < 0x7F && c != '#'; });
}

bool has_dot_segment(std::string_view path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const auto segment = path.substr(begin, end - begin);
    if (segment == "." || segment == "..") return true;
    begin = end + 1;
  }
  return false;
}

Result<std::string> decode_path(std::string_view raw) {
  if (!valid_raw_path(raw)) return fail(Errc::http_malformed, "character not allowed in a path");
  auto path = percent_decode(raw);
  if (!path) return fail(Errc::http_malformed, "malformed percent escape");
  if (std::ranges::count(*path, '/') != std::ranges::count(raw, '/') || path->find('\\') != std::string::npos) {
    return fail(Errc::http_malformed, "encoded slash or backslash");
  }
  if (!is_plain_text(*path)) return fail(Errc::http_malformed, "path is not plain UTF-8");
  if (has_dot_segment(*path)) return fail(Errc::http_malformed, "dot segment");
  return std::move(*path);
}

/// The bytes of `target` behind "http://" or "https://"; npos where it has neither.
std::size_t absolute_prefix(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (iequals(target.substr(0, scheme.size()), scheme)) return scheme.size();
  }
  return std::string_view::npos;
}

}  // namespace

bool valid_host(std::string_view host) {
  if (host.empty() || host.size() > 255) return false;
  const bool bracketed = host.front() == '[';
  const std::size_t end = bracketed ? host.find(']') + 1 : std::min(host.find(':'), host.size());
  if (end == 0) return false;
  const auto name = bracketed ? host.substr(1, end - 2) : host.substr(0, end);
  const auto port = host.substr(end);
  if (name.empty()) return false;
  const bool name_ok = std::ranges::all_of(name, [bracketed](char c) {
    return bracketed ? is_hex(c) || c == ':' || c == '.' : is_alnum(c) || c == '-' || c == '.' || c == '_';
  });
  if (!name_ok) return false;
  if (port.empty()) return true;
  return port.front() == ':' && port.size() >= 2 && port.size() <= 6 && std::ranges::all_of(port.substr(1), is_digit);
}

Result<Target> parse_target(std::string_view method, std::string_view target) {
  if (method == "CONNECT") return fail(Errc::http_malformed, "CONNECT");
  if (target == "*") {
    if (method != "OPTIONS") return fail(Errc::http_malformed, "asterisk form without OPTIONS");
    return Target{"*", {}, {}};
  }
  Target out;
  std::string_view rest = target;
  if (const std::size_t prefix = absolute_prefix(target); prefix != std::string_view::npos) {
    rest.remove_prefix(prefix);
    const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    out.authority = rest.substr(0, end);
    if (!valid_host(out.authority)) return fail(Errc::http_malformed, "malformed authority in the target");
    rest.remove_prefix(end);
  } else if (!target.starts_with('/')) {
    return fail(Errc::http_malformed, "target is neither a path nor an absolute URI");
  }
  const std::size_t mark = rest.find('?');
  if (mark != std::string_view::npos) out.query = rest.substr(mark + 1);
  if (!valid_raw_query(out.query)) return fail(Errc::http_malformed, "character not allowed in a query");
  const std::string_view raw = rest.substr(0, mark);
  auto path = decode_path(raw.empty() ? "/" : raw);
  if (!path) return std::move(path.error());
  out.path = std::move(*path);
  return out;
}

}  // namespace gatecast::http
