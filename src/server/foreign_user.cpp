#include "server/foreign_user.hpp"

#include <algorithm>

#include "http/query.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kForeignIdMax = 255;  // as a personal channel may be named

}  // namespace

bool is_foreign_user(const Config& config, std::string_view id) {
  const auto colon = id.find(':');
  if (colon == std::string_view::npos || colon + 1 == id.size() || id.size() > kForeignIdMax) return false;
  return http::is_plain_text(id) && std::ranges::any_of(config.token.trusted, [&](const TrustedConfig& issuer) {
           return issuer.subject == "prefix" && issuer.name == id.substr(0, colon);
         });
}

}  // namespace gatecast::server
