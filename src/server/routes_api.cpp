// The server API over HTTP: what a back end with an API key may do, in the shape of Centrifugo's server SDKs.
//
// POST /api/<method> takes one object, POST /api one `{method, params}` a line. A refusal of the request is
// `{"error":{code, message, name}}` with status 200, as those SDKs expect; a refusal of the caller, or of an
// idempotency key, is an HTTP failure.
#include "server/api_methods.hpp"
#include "server/handlers.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kLines = 1000;

ApiCall call_of(const Exchange& exchange) {
  return {.worker = exchange.worker,
          .key = exchange.api_key,
          .actor = fmt::format("key:{}", exchange.api_key->name),
          .ip = exchange.ip,
          .user_agent = std::string(exchange.request.header("User-Agent").substr(0, 256))};
}

Task<Answer> run_line(ApiCall& call, std::string_view line) {
  auto command = JsonIn::parse(line);
  if (!command) co_return command.error();
  auto name = command->text("method");
  if (!name) co_return name.error();
  auto params = command->optional_object("params");
  if (!params) co_return params.error();
  auto entry = find_api_method(call, *name);
  if (!entry) co_return entry.error();
  const auto given = command->raw("params");
  co_return co_await run_api(call, **entry, given == "null" ? std::string_view{} : given, {});
}

/// Refusals that say something of the call itself, not of what it asked for.
bool refuses_call(Errc code) {
  return code == Errc::bad_json || code == Errc::idempotency_conflict || code == Errc::idempotency_busy;
}

}  // namespace

Task<http::Response> api_method(Exchange& exchange) {
  // A literal path takes its name from what it stands beside: GET and POST of /api/events are two routes.
  const auto given = exchange.match.param("method");
  const std::string_view name = given.empty() ? std::string_view("events") : given;
  ApiCall call = call_of(exchange);
  auto entry = find_api_method(call, name);
  if (!entry) {
    const bool unknown = entry.error().code == Errc::method_not_found;
    co_return failure(exchange,
                      unknown ? fail(Errc::not_found, fmt::format("no API method '{}'", name)) : entry.error());
  }
  auto answer = co_await run_api(call, **entry, exchange.request.body, exchange.request.header("Idempotency-Key"));
  if (!answer && refuses_call(answer.error().code)) co_return failure(exchange, answer.error());
  co_return json_response(answer_json(answer));
}

Task<http::Response> api_lines(Exchange& exchange) {
  ApiCall call = call_of(exchange);
  std::string_view rest = exchange.request.body;
  std::string out;
  std::size_t lines = 0;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    if (++lines > kLines) co_return failure(exchange, fail(Errc::bad_request, "more than 1000 lines"));
    auto answer = co_await run_line(call, line);
    out += answer_json(answer);
    out += '\n';
  }
  co_return json_response(std::move(out));
}

}  // namespace gatecast::server
