// The pages the binary carries: those to try it with, where `pages.enabled`, and the operators' console on their port.
#include "web/pages.hpp"

#include "server/routes/handlers.hpp"

namespace gatecast::server {
namespace {

// Nothing but what we serve: no inline script, no other host, no frame around us.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
// The console shows what users named themselves: nothing there may ever make markup of a text.
constexpr std::string_view kNoMarkup = "; require-trusted-types-for 'script'; trusted-types 'none'";

const web::Page* find_page(std::string_view path, Port port) {
  for (const auto& p : web::pages()) {
    if (p.path == path && (port == Port::ops ? p.on_ops : p.on_public)) return &p;
  }
  return nullptr;
}

}  // namespace

Task<http::Response> page(Exchange& exchange) {
  const auto& config = exchange.services().config;
  const Port port = exchange.route.port;
  std::string_view path = exchange.request.path;
  if (port == Port::public_) path.remove_prefix(config.http.base_path.size());
  const bool enabled = port == Port::ops || config.pages.enabled;
  const auto* found = enabled ? find_page(path, port) : nullptr;
  if (found == nullptr) {
    co_return failure(exchange, fail(Errc::not_found, enabled ? "no such page" : "pages.enabled is false"));
  }
  http::Response response;
  response.set("Content-Type", found->content_type);
  response.set("ETag", found->etag);
  response.set("Content-Security-Policy", fmt::format("{}{}", kPolicy, port == Port::ops ? kNoMarkup : ""));
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
