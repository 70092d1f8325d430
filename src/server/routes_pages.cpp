// The pages the binary carries, where `pages.enabled`.
#include "server/handlers.hpp"
#include "web/pages.hpp"

namespace gatecast::server {
namespace {

// Nothing but what we serve: no inline script, no other host, no frame around us.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const web::Page* find_page(std::string_view path) {
  for (const auto& p : web::pages()) {
    if (p.path == path) return &p;
  }
  return nullptr;
}

}  // namespace

Task<http::Response> page(Exchange& exchange) {
  const auto& config = exchange.services().config;
  std::string_view path = exchange.request.path;
  path.remove_prefix(config.http.base_path.size());
  const auto* found = config.pages.enabled ? find_page(path) : nullptr;
  if (found == nullptr) {
    co_return failure(exchange,
                      fail(Errc::not_found, config.pages.enabled ? "no such page" : "pages.enabled is false"));
  }
  http::Response response;
  response.set("Content-Type", found->content_type);
  response.set("ETag", found->etag);
  response.set("Content-Security-Policy", kPolicy);
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cache-Control", found->immutable ? "public, max-age=31536000, immutable" : "no-cache");
  if (exchange.request.header("If-None-Match") == found->etag) {
    response.status = 304;
  } else {
    response.body = found->body;
  }
  co_return response;
}

}  // namespace gatecast::server
