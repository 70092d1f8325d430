// The operators' port: health, and what Prometheus reads.
#include "broker/nodes.hpp"
#include "core/log.hpp"
#include "metrics/process.hpp"
#include "metrics/registry.hpp"
#include "server/routes/handlers.hpp"
#include "server/routes/ops_access.hpp"

namespace gatecast::server {
namespace {

http::Response text_response(std::string_view text, unsigned status = 200) {
  http::Response response{.status = status, .body = std::string(text) + "\n"};
  response.set("Content-Type", "text/plain; charset=utf-8");
  response.set("Cache-Control", "no-store");
  return response;
}

}  // namespace

Task<http::Response> metrics_text(Exchange& exchange) {
  if (auto refused = co_await refuse_reader(exchange)) co_return std::move(*refused);
  // The log lies below the metrics and counts for itself.
  static std::atomic<std::uint64_t> dropped_told{0};
  static std::atomic<std::uint64_t> suppressed_told{0};
  const auto dropped = log::dropped_lines();
  metrics::add<"log_dropped_total">(dropped - dropped_told.exchange(dropped));
  const auto suppressed = log::counts().suppressed;
  metrics::add<"log_suppressed_total">(suppressed - suppressed_told.exchange(suppressed));
  http::Response response{.body = metrics::exposition() + metrics::process_exposition(exchange.services().version)};
  response.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  co_return response;
}

Task<http::Response> healthz(Exchange&) { co_return text_response("ok"); }

Task<http::Response> readyz(Exchange& exchange) {
  auto& services = exchange.services();
  if (services.draining.load()) co_return text_response("draining", 503);
  if (!services.ready.load()) co_return text_response("starting", 503);
  auto store = co_await services.store.ping();
  if (!store) co_return text_response(fmt::format("store: {}", info(store.error().code).message), 503);
  // Who is connected is served, and what is missed meanwhile comes when it is back: another node would do no better.
  const bool away = services.nodes != nullptr && !services.nodes->in_touch();
  co_return text_response(away ? "ready, out of touch with the broker" : "ready");
}

}  // namespace gatecast::server
