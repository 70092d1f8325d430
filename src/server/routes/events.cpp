// GET /api/events: the event feed for programs that poll; the API method `events` gives the same.
#include "server/api/events.hpp"

#include <charconv>

#include "http/query.hpp"
#include "server/routes/handlers.hpp"

namespace gatecast::server {
namespace {

/// A figure of the query; `otherwise` where it is not there. Error: field_invalid.
Result<std::int64_t> figure(const http::Request& request, std::string_view name, std::int64_t otherwise) {
  const auto found = http::find_query(request.query, name);
  if (found.duplicate || found.malformed) return fail(Errc::field_invalid, fmt::format("{}: not one number", name));
  const auto& text = found.value;
  if (!text || text->empty()) return otherwise;
  std::int64_t value = 0;
  const auto* end = text->data() + text->size();
  if (auto [at, ec] = std::from_chars(text->data(), end, value); ec != std::errc{} || at != end) {
    return fail(Errc::field_invalid, fmt::format("{}: not a number", name));
  }
  return value;
}

}  // namespace

Task<http::Response> api_event_feed(Exchange& exchange) {
  if (!exchange.api_key->allows("events")) {
    co_return failure(exchange,
                      fail(Errc::api_scope, fmt::format("key '{}' lacks scope events", exchange.api_key->name)));
  }
  auto after = figure(exchange.request, "after", 0);
  if (!after) co_return failure(exchange, after.error());
  auto limit = figure(exchange.request, "limit", 100);
  if (!limit) co_return failure(exchange, limit.error());
  auto wait = figure(exchange.request, "wait", 0);
  if (!wait) co_return failure(exchange, wait.error());
  auto query = events_query(*after, *limit, *wait);
  if (!query) co_return failure(exchange, query.error());
  auto events = co_await events_after(exchange.services(), *query);
  if (!events) co_return failure(exchange, events.error());
  co_return json_response(std::move(*events));
}

}  // namespace gatecast::server
