#include "server/routes/token_source.hpp"

#include "http/cookie.hpp"
#include "http/query.hpp"
#include "server/routes/exchange.hpp"

namespace gatecast::server {

BroughtToken brought_token(const http::Request& request, const HttpConfig& config) {
  if (auto token = bearer_token(request); !token.empty()) return {.token = std::move(token)};
  if (config.query_token != "off") {
    if (auto token = http::query_param(request.query, "token").value_or(""); !token.empty()) {
      return {.token = std::move(token), .in_query = true};
    }
  }
  if (config.token_cookie.empty() || request.header("Origin").empty()) return {};
  return {.token = http::cookie(request.headers, config.token_cookie).value_or("")};
}

}  // namespace gatecast::server
