#include "http/cookie.hpp"

#include "http/token.hpp"

namespace gatecast::http {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

bool is_cookie_name(std::string_view name) { return is_token(name); }

std::optional<std::string> cookie(const Headers& headers, std::string_view name) {
  std::optional<std::string> found;
  for (const auto& [field, value] : headers) {
    if (!iequals(field, "Cookie")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      if (found) return std::nullopt;
      std::string_view text = pair.substr(equals + 1);
      if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
      found = text;
    }
  }
  if (found && found->empty()) found.reset();
  return found;
}

}  // namespace gatecast::http
