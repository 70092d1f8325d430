// Renewal, the list of a user's sessions, and endings of several.
#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "server/json/session_json.hpp"
#include "server/routes/handlers.hpp"
#include "server/socket/user_connections.hpp"

namespace gatecast::server {
namespace {

/// The caller of a sensitive route: its session was made by a sign-in of the last minutes, or the body has as fresh a
/// proof.
Task<Result<session::Caller>> fresh_bearer(const Exchange& exchange) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return caller;
  auto confirming = confirming_of(exchange);
  if (!confirming) co_return confirming.error();
  auto fresh = co_await exchange.services().sessions.confirm(*caller, std::move(*confirming));
  if (!fresh) co_return fresh.error();
  co_return caller;
}

http::Response ended_response(const Exchange& exchange, const session::Caller& caller, std::size_t ended) {
  log::info("signout", {{"user", caller.user_id},
                        {"sid", caller.sid},
                        {"ended", ended},
                        {"ip", exchange.ip},
                        {"request", exchange.request_id}});
  return json_response(JsonOut().boolean("success", true).number("ended", ended).done());
}

}  // namespace

Task<http::Response> auth_refresh(Exchange& exchange) {
  auto body = exchange.request.body.empty() ? JsonIn::parse("{}") : body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  auto token = body->optional_text("refreshToken");
  if (!token) co_return failure(exchange, token.error());
  auto& sessions = exchange.services().sessions;
  Result<session::Tokens> tokens = Errc::refresh_missing;
  if (!token->empty()) {
    tokens = co_await sessions.renew(std::move(*token), exchange.client());
  } else if (exchange.services().config.compat.access_refresh) {
    auto access = body->optional_text("token");
    if (!access) co_return failure(exchange, access.error());
    if (access->empty()) *access = bearer_token(exchange.request);
    if (!access->empty()) tokens = co_await sessions.reissue(std::move(*access), exchange.client());
  }
  if (!tokens) {
    metrics::count<"auth_failures_total">(tokens.error().code);
    co_return failure(exchange, tokens.error());
  }
  co_return json_response(tokens_json(*tokens).done());
}

Task<http::Response> auth_logout_others(Exchange& exchange) {
  auto caller = co_await fresh_bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto ended = co_await exchange.services().sessions.end_others(caller->user_id, caller->sid, exchange.ip);
  if (!ended) co_return failure(exchange, ended.error());
  co_return ended_response(exchange, *caller, *ended);
}

Task<http::Response> auth_logout_all(Exchange& exchange) {
  auto caller = co_await fresh_bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto ended = co_await exchange.services().sessions.end_all(caller->user_id, exchange.ip);
  if (!ended) co_return failure(exchange, ended.error());
  co_return ended_response(exchange, *caller, *ended);
}

Task<http::Response> auth_sessions(Exchange& exchange) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto rows = co_await exchange.services().sessions.list(caller->user_id);
  if (!rows) co_return failure(exchange, rows.error());
  const auto connected = co_await connections_by_sid(exchange.services(), caller->user_id);
  std::string list = "[";
  for (const auto& row : *rows) {
    if (list.size() > 1) list += ',';
    JsonOut item = session_json(row);
    item.boolean("current", row.sid == caller->sid);
    item.number("connected", connected.of(row.sid));
    list += item.done();
  }
  co_return json_response(JsonOut().boolean("success", true).raw("sessions", list + ']').done());
}

Task<http::Response> auth_session_end(Exchange& exchange) {
  auto caller = co_await fresh_bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  const std::string sid(exchange.match.param("id"));
  auto ended = co_await exchange.services().sessions.end_own(caller->user_id, sid, exchange.ip);
  if (!ended) co_return failure(exchange, ended.error());
  co_return json_response(JsonOut().boolean("success", true).done());
}

}  // namespace gatecast::server
