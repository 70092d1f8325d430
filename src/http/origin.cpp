#include "http/origin.hpp"

#include <algorithm>
#include <optional>

#include "http/target.hpp"

namespace gatecast::http {
namespace {

constexpr std::string_view kWildcard = "*.";

std::string lower(std::string_view s) {
  std::string out(s);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

struct Authority {
  std::string host;
  std::string port;
};

/// Splits `host[:port]`, of which valid_host holds; the scheme's own port becomes "".
Authority split(std::string_view authority, std::string_view scheme) {
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  Authority out{std::string(authority.substr(0, colon)), {}};
  if (colon != std::string_view::npos) out.port = authority.substr(colon + 1);
  if ((scheme == "https" && out.port == "443") || (scheme == "http" && out.port == "80")) out.port.clear();
  return out;
}

struct Origin {
  std::string scheme;
  Authority authority;
};

/// Reads `scheme://host[:port]` and nothing else: no path, no user, no list.
std::optional<Origin> parse_origin(std::string_view text) {
  const std::string plain = lower(text);
  const std::size_t end = plain.find("://");
  if (end == std::string::npos || end == 0) return std::nullopt;
  const std::string_view scheme = std::string_view(plain).substr(0, end);
  const std::string_view authority = std::string_view(plain).substr(end + 3);
  const bool scheme_ok = std::ranges::all_of(scheme, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
  if (!scheme_ok || !valid_host(authority)) return std::nullopt;
  return Origin{std::string(scheme), split(authority, scheme)};
}

}  // namespace

Result<OriginPolicy> OriginPolicy::parse(std::span<const std::string> entries) {
  OriginPolicy out;
  for (const std::string& text : entries) {
    if (text == "*") {
      out.any_ = true;
      continue;
    }
    std::string plain = text;
    const std::size_t star = plain.find("://*.");
    const bool wildcard = star != std::string::npos;
    if (wildcard) plain.erase(star + 3, kWildcard.size());
    auto origin = parse_origin(plain);
    if (!origin)
      return fail(Errc::config_invalid, "allowed origin \"" + text + "\": write scheme://host, without a path");
    if (wildcard) origin->authority.host.insert(0, ".");
    out.entries_.push_back(
        {std::move(origin->scheme), std::move(origin->authority.host), std::move(origin->authority.port), wildcard});
  }
  return out;
}

bool OriginPolicy::allows(std::string_view origin_text, std::string_view host) const {
  if (origin_text.empty() || any_) return true;
  const auto origin = parse_origin(origin_text);
  if (!origin) return false;
  const auto& [name, port] = origin->authority;
  if (entries_.empty()) {
    if (!valid_host(host)) return false;
    const Authority own = split(lower(host), origin->scheme);
    return own.host == name && own.port == port;
  }
  return std::ranges::any_of(entries_, [&](const Entry& e) {
    if (e.scheme != origin->scheme || e.port != port) return false;
    return e.wildcard ? name.size() > e.host.size() && name.ends_with(e.host) : name == e.host;
  });
}

}  // namespace gatecast::http
