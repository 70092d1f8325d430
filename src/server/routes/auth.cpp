// Sign-in, and what a session may be asked.
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "metrics/registry.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"
#include "server/json/session_json.hpp"
#include "server/routes/handlers.hpp"
#include "server/routes/proof_in.hpp"
#include "token/inspect.hpp"

namespace gatecast::server {
namespace {

void add_expiry(JsonOut& out, std::int64_t exp, WallTime now) {
  out.number("expiresIn", std::max<std::int64_t>(exp - unix_seconds(now), 0));
  out.text("expiresAt", format_rfc3339(from_unix_seconds(exp)));
}

Result<session::ChallengeRequest> challenge_request(const JsonIn& body) {
  session::ChallengeRequest request;
  const std::pair<const char*, std::optional<std::string>*> optional[] = {{"address", &request.address},
                                                                          {"uri", &request.uri}};
  auto chain = body.text("chain");
  if (!chain) return chain.error();
  request.chain = std::move(*chain);
  for (const auto& [name, into] : optional) {
    auto value = body.optional_text(name);
    if (!value) return value.error();
    if (!value->empty()) *into = std::move(*value);
  }
  // Ethereum's libraries have it as a number, Solana's as a text.
  if (auto number = body.optional_integer("chainId"); number && number->has_value()) {
    request.chain_id = std::to_string(**number);
  } else {
    auto text = body.optional_text("chainId");
    if (!text) return text.error();
    if (!text->empty()) request.chain_id = std::move(*text);
  }
  auto purpose = body.optional_text("purpose");
  if (!purpose) return purpose.error();
  const auto known = session::purpose_from_name(purpose->empty() ? "signin" : *purpose);
  if (!known) return fail(Errc::field_invalid, "purpose: neither signin nor link");
  request.purpose = *known;
  return request;
}

}  // namespace

Task<http::Response> wallet_challenge(Exchange& exchange) {
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  auto request = challenge_request(*body);
  if (!request) co_return failure(exchange, request.error());
  request->origin = exchange.client().origin;
  auto made = exchange.services().sessions.challenge(*request);
  if (!made) co_return failure(exchange, made.error());
  metrics::count<"challenges_total">();
  const auto& in = made->input;
  JsonOut input;
  input.text("domain", in.domain).text_if("address", in.address).text_if("statement", in.statement);
  input.text("uri", in.uri).text("version", in.version);
  if (request->chain == session::kChainEthereum) {
    input.raw("chainId", in.chain_id);
  } else {
    input.text("chainId", in.chain_id);
  }
  input.text("nonce", in.nonce);
  input.text("issuedAt", format_rfc3339(in.issued_at)).text("expirationTime", format_rfc3339(in.expiration_time));
  JsonOut out;
  out.boolean("success", true).text("message", made->message).text("nonce", in.nonce).object("input", input);
  out.text("expiresAt", format_rfc3339(in.expiration_time));
  co_return json_response(out.done());
}

Task<http::Response> wallet_signin(Exchange& exchange) {
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  auto proof = wallet_proof(*body);
  if (!proof) co_return failure(exchange, proof.error());
  auto ref_code = body->optional_text("ref_code");
  if (!ref_code) co_return failure(exchange, ref_code.error());
  auto tokens =
      co_await exchange.services().sessions.sign_in(std::move(*proof), exchange.client(), std::move(*ref_code));
  co_return signin_response(exchange, tokens);
}

Task<http::Response> auth_check(Exchange& exchange) {
  auto caller = co_await bearer(exchange, Foreign::accept);
  if (!caller) co_return failure(exchange, caller.error());
  auto view = co_await exchange.services().sessions.session(*caller);
  if (!view) co_return failure(exchange, view.error());
  JsonOut out;
  out.boolean("success", true).boolean("authenticated", true);
  out.object("user", user_json(*view));
  add_expiry(out, caller->claims.exp, exchange.services().clock.wall());
  co_return json_response(out.done());
}

Task<http::Response> auth_session(Exchange& exchange) {
  auto caller = co_await bearer(exchange, Foreign::accept);
  if (!caller) co_return failure(exchange, caller.error());
  auto view = co_await exchange.services().sessions.session(*caller);
  if (!view) co_return failure(exchange, view.error());
  // The store knows no foreign user; one of the same id as ours is another's word.
  Result<store::UserView> user = store::UserView{};
  if (!caller->foreign) user = co_await exchange.services().sessions.user(caller->user_id);
  if (!user) co_return failure(exchange, user.error());
  JsonOut out;
  std::string identities = "[";
  for (const auto& row : user->identities) {
    if (identities.size() > 1) identities += ',';
    identities += identity_json(row).boolean("current", row.id == view->session.identity_id).done();
  }
  out.boolean("success", true).object("session", session_json(view->session));
  out.object("user", user_json(*view)).raw("identities", identities + ']');
  co_return json_response(out.done());
}

Task<http::Response> auth_validate(Exchange& exchange) {
  std::string token = bearer_token(exchange.request);
  if (!exchange.request.body.empty()) {
    auto body = body_of(exchange);
    if (!body) co_return failure(exchange, body.error());
    auto given = body->optional_text("token");
    if (!given) co_return failure(exchange, given.error());
    if (!given->empty()) token = std::move(*given);
  }
  if (token.empty()) co_return failure(exchange, fail(Errc::token_missing, "neither a body with token nor a bearer"));
  auto& services = exchange.services();
  auto caller = co_await services.sessions.authenticate_at_store(token);
  JsonOut out;
  out.boolean("success", true).boolean("valid", caller.has_value());
  if (caller) {
    // What the token itself says; shown only where the token is good, so that this is no oracle for others' tokens.
    if (auto seen = token::inspect(token)) out.raw("claims", seen->claims_json);
    add_expiry(out, caller->claims.exp, services.clock.wall());
  } else {
    const auto& code = info(caller.error().code);
    metrics::count<"auth_failures_total">(caller.error().code);
    out.text("code", code.name).text("error", fmt::format("{}. {}", code.message, code.cure));
  }
  co_return json_response(out.done());
}

Task<http::Response> auth_logout(Exchange& exchange) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto ended = co_await exchange.services().sessions.end(caller->sid, Errc::signed_out, exchange.ip);
  if (!ended) co_return failure(exchange, ended.error());
  log::info("signout",
            {{"user", caller->user_id}, {"sid", caller->sid}, {"ip", exchange.ip}, {"request", exchange.request_id}});
  co_return json_response(JsonOut().boolean("success", true).done());
}

Task<http::Response> jwks(Exchange& exchange) {
  auto response = json_response(exchange.services().settings.get().jwks);
  response.headers.clear();
  response.set("Content-Type", "application/jwk-set+json");
  response.set("Cache-Control", "public, max-age=300");
  co_return response;
}

}  // namespace gatecast::server
