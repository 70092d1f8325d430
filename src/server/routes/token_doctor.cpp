// The token doctor of the pages: for anybody what the token itself and public routes show, for an operator all of it.
#include "core/time_text.hpp"
#include "server/checks/public_findings.hpp"
#include "server/json/doctor_json.hpp"
#include "server/json/json_in.hpp"
#include "server/json/session_json.hpp"
#include "server/operators.hpp"
#include "server/routes/handlers.hpp"

namespace gatecast::server {

Task<http::Response> page_token_doctor(Exchange& exchange) {
  auto& services = exchange.services();
  if (!services.config.pages.enabled) co_return failure(exchange, fail(Errc::not_found, "pages.enabled is false"));
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  if (auto known = body->only({"token", "operator"}); !known) co_return failure(exchange, known.error());
  auto token = body->text("token");
  if (!token) co_return failure(exchange, token.error());
  auto given = body->optional_text("operator");
  if (!given) co_return failure(exchange, given.error());

  const bool asked_as_operator = !given->empty();
  std::chrono::seconds retry_after{0};
  bool known = false;
  if (asked_as_operator) {
    const auto person = co_await check_operator(exchange, std::move(*given), retry_after);
    // An unknown token is told like none.
    if (!person && person.error().code != Errc::operator_unknown) {
      auto refused = failure(exchange, person.error());
      if (retry_after.count() > 0) refused.set("Retry-After", fmt::format("{}", retry_after.count()));
      co_return refused;
    }
    known = person.has_value();
  }
  auto findings = co_await services.sessions.examine(std::move(*token), services.settings.get().doctor);
  const bool good = all_good(findings);
  // Who guesses at operators' tokens is counted, whatever the token examined is worth.
  exchange.honest = known || (good && !asked_as_operator);
  if (!known) findings = public_findings(std::move(findings));
  JsonOut server;
  server.text("issuer", services.config.token.issuer).text("audience", services.config.token.audience);
  server.text("time", format_rfc3339(services.clock.wall()));
  JsonOut out;
  out.boolean("success", true).boolean("good", good).boolean("operator", known).object("server", server);
  co_return json_response(out.raw("findings", findings_json(findings)).done());
}

}  // namespace gatecast::server
