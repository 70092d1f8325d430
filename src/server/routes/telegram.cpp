// Sign-in with Telegram: a Mini App's initData, or a Login Widget's data.
#include "core/log.hpp"
#include "server/json/session_json.hpp"
#include "server/routes/handlers.hpp"
#include "server/routes/proof_in.hpp"

namespace gatecast::server {
namespace {

Task<http::Response> sign_in_with(Exchange& exchange, Result<session::Proof> proof, const JsonIn& body) {
  if (!proof) co_return failure(exchange, proof.error());
  auto ref_code = body.optional_text("ref_code");
  if (!ref_code) co_return failure(exchange, ref_code.error());
  auto tokens =
      co_await exchange.services().sessions.sign_in(std::move(*proof), exchange.client(), std::move(*ref_code));
  co_return signin_response(exchange, tokens);
}

}  // namespace

Task<http::Response> telegram_signin(Exchange& exchange) {
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  co_return co_await sign_in_with(exchange, telegram_proof(*body), *body);
}

Task<http::Response> telegram_register(Exchange& exchange) {
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  co_return co_await sign_in_with(exchange, telegram_registration(*body), *body);
}

}  // namespace gatecast::server
