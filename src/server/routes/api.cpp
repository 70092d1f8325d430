// The server API over HTTP: what a back end with an API key may do, in the shape of Centrifugo's server SDKs.
//
// POST /api/<method>, which operators with a token may call as well, takes one object, POST /api one `{method, params}`
// a line, POST /api/batch `{commands:[…]}`. A refusal of the request is `{"error":{code, message, name}}` with status
// 200, as those SDKs expect; a refusal of the caller, or of an idempotency key, is an HTTP failure. With
// `X-Centrifugo-Error-Mode: transport` every refusal of a single method has its HTTP status.
#include "metrics/registry.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"
#include "server/routes/handlers.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kCommands = 1000;          // of one request
constexpr std::size_t kAnswerBytes = 16u << 20;  // of their answers together, before the last one

ApiCall call_of(const Exchange& exchange) {
  return {.worker = exchange.worker,
          .key = exchange.api_key,
          .person = exchange.person,
          .actor = exchange.person != nullptr ? fmt::format("operator:{}", exchange.person->name)
                                              : fmt::format("key:{}", exchange.api_key->name),
          .ip = exchange.ip,
          .user_agent = std::string(exchange.request.header("User-Agent").substr(0, 256))};
}

/// One of several commands of a request, whose answers have come to `bytes` so far.
Task<Answer> run_command(ApiCall& call, std::string_view name, std::string_view params, std::size_t bytes) {
  if (bytes > kAnswerBytes) co_return fail(Errc::limit_exceeded, "the answers before it fill the reply");
  auto entry = find_api_method(call, name);
  if (!entry) co_return entry.error();
  // They may wait for half a minute, and what stands behind them as well.
  if (name == "events" || name == "log_tail") {
    co_return fail(Errc::bad_request, fmt::format("{} is called by itself", name));
  }
  if (params.empty() || params == "null") params = "{}";
  if (!params.starts_with('{')) co_return fail(Errc::field_invalid, "params: not an object");
  co_return co_await run_api(call, **entry, params, {});
}

Task<Answer> run_line(ApiCall& call, std::string_view line, std::size_t bytes) {
  auto command = JsonIn::parse(line);
  if (!command) co_return command.error();
  auto name = command->text("method");
  if (!name) co_return name.error();
  co_return co_await run_command(call, *name, command->raw("params"), bytes);
}

/// `{"<method>":{…}}` in, `{"<method>":{…result…}}` or `{"error":{…}}` out.
Task<std::string> run_batched(ApiCall& call, std::string_view text, std::size_t bytes) {
  std::string name;
  Answer answer = fail(Errc::field_invalid, "commands: each is one method with its parameters");
  if (auto command = JsonIn::parse(text); !command) {
    answer = command.error();
  } else if (command->members().size() == 1) {
    name = command->members().front().first;
    answer = co_await run_command(call, name, command->members().front().second, bytes);
  }
  if (answer) co_return JsonOut().raw(name, *answer).done();
  co_return JsonOut().raw("error", error_json(answer.error())).done();
}

/// Refusals that say something of the call itself, not of what it asked for.
bool refuses_call(Errc code) {
  return code == Errc::bad_json || code == Errc::idempotency_conflict || code == Errc::idempotency_busy;
}

/// The HTTP status where the caller wants one for a refusal (Centrifugo's transport error mode).
unsigned transport_status(Errc code) {
  switch (info(code).reply) {
    case 102:
    case 104: return 404;
    case 112: return 416;
    case 0:
    case 107:
    case 108: return info(code).http >= 400 ? info(code).http : 400;
    default: return info(code).http >= 400 ? info(code).http : 500;
  }
}

}  // namespace

Task<http::Response> api_method(Exchange& exchange) {
  // A literal path takes its name from what it stands beside: GET and POST of /api/events are two routes.
  const auto given = exchange.match.param("method");
  const std::string_view name = given.empty() ? std::string_view("events") : given;
  ApiCall call = call_of(exchange);
  auto entry = find_api_method(call, name);
  if (call.person != nullptr) {
    metrics::count<"operator_calls_total">(entry ? metrics::Outcome::ok : metrics::Outcome::refused);
    if (!entry && entry.error().code == Errc::operator_role) {
      co_await audit_call(call, name, {}, {}, "refused: the role is view");
    }
  }
  if (!entry) {
    const bool unknown = entry.error().code == Errc::method_not_found;
    co_return failure(exchange,
                      unknown ? fail(Errc::not_found, fmt::format("no API method '{}'", name)) : entry.error());
  }
  auto answer = co_await run_api(call, **entry, exchange.request.body, exchange.request.header("Idempotency-Key"));
  if (!answer && refuses_call(answer.error().code)) co_return failure(exchange, answer.error());
  if (!answer && exchange.request.header("X-Centrifugo-Error-Mode") == "transport") {
    co_return json_response(error_json(answer.error()), transport_status(answer.error().code));
  }
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
    if (++lines > kCommands) co_return failure(exchange, fail(Errc::bad_request, "more than 1000 lines"));
    auto answer = co_await run_line(call, line, out.size());
    // Between the answers alone: client libraries read what is behind a line end as one more answer.
    if (!out.empty()) out += '\n';
    out += answer_json(answer);
  }
  co_return json_response(std::move(out));
}

Task<http::Response> api_batch(Exchange& exchange) {
  ApiCall call = call_of(exchange);
  auto body = JsonIn::parse(exchange.request.body);
  if (!body) co_return failure(exchange, body.error());
  auto commands = body->items("commands", kCommands);
  if (!commands) co_return failure(exchange, commands.error());
  // Taken for its clients' sake: the commands run one after the other all the same, in their order.
  if (auto parallel = body->optional_bool("parallel"); !parallel) co_return failure(exchange, parallel.error());
  std::string replies;
  for (const auto command : *commands) {
    auto reply = co_await run_batched(call, command, replies.size());
    if (!replies.empty()) replies += ',';
    replies += reply;
  }
  co_return json_response(JsonOut().raw("replies", "[" + replies + "]").done());
}

}  // namespace gatecast::server
