// Sign-in, and what a session may be asked.
#include "core/log.hpp"
#include "core/text_form.hpp"
#include "core/time_text.hpp"
#include "metrics/registry.hpp"
#include "server/handlers.hpp"
#include "server/json_in.hpp"
#include "server/json_out.hpp"
#include "server/session_json.hpp"
#include "token/inspect.hpp"

namespace gatecast::server {
namespace {

void add_expiry(JsonOut& out, std::int64_t exp, WallTime now) {
  out.number("expiresIn", std::max<std::int64_t>(exp - unix_seconds(now), 0));
  out.text("expiresAt", format_rfc3339(from_unix_seconds(exp)));
}

Result<session::ChallengeRequest> challenge_request(const JsonIn& body) {
  session::ChallengeRequest request;
  const std::pair<const char*, std::optional<std::string>*> optional[] = {
      {"address", &request.address}, {"chainId", &request.chain_id}, {"uri", &request.uri}};
  auto chain = body.text("chain");
  if (!chain) return chain.error();
  request.chain = std::move(*chain);
  for (const auto& [name, into] : optional) {
    auto value = body.optional_text(name);
    if (!value) return value.error();
    if (!value->empty()) *into = std::move(*value);
  }
  auto purpose = body.optional_text("purpose");
  if (!purpose) return purpose.error();
  const auto known = session::purpose_from_name(purpose->empty() ? "signin" : *purpose);
  if (!known) return fail(Errc::field_invalid, "purpose: neither signin nor link");
  request.purpose = *known;
  return request;
}

Result<session::WalletSignIn> wallet_signin_request(const JsonIn& body) {
  session::WalletSignIn request;
  auto chain = body.text("chain");
  if (!chain) return chain.error();
  auto address = body.text("address");
  if (!address) return address.error();
  request.chain = std::move(*chain);
  request.address = std::move(*address);
  auto message = body.optional_text("message");
  auto signed_message = body.optional_text("signedMessage");
  auto signature = body.optional_text("signature");
  auto ref_code = body.optional_text("ref_code");
  for (const auto* text : {&message, &signed_message, &signature, &ref_code}) {
    if (!*text) return text->error();
  }
  if (signature->empty() || (message->empty() && signed_message->empty())) return Errc::challenge_required;
  if (!message->empty() && !signed_message->empty()) {
    return fail(Errc::field_invalid, "message and signedMessage: send one of them");
  }
  if (!signed_message->empty()) {
    auto bytes = base64_decode(*signed_message);
    if (!bytes) return fail(Errc::field_invalid, "signedMessage: not base64");
    request.signed_message = std::move(*bytes);
  }
  request.message = std::move(*message);
  request.signature = std::move(*signature);
  request.ref_code = std::move(*ref_code);
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
  input.text("uri", in.uri).text("version", in.version).text("chainId", in.chain_id).text("nonce", in.nonce);
  input.text("issuedAt", format_rfc3339(in.issued_at)).text("expirationTime", format_rfc3339(in.expiration_time));
  JsonOut out;
  out.boolean("success", true).text("message", made->message).text("nonce", in.nonce).object("input", input);
  out.text("expiresAt", format_rfc3339(in.expiration_time));
  co_return json_response(out.done());
}

Task<http::Response> wallet_signin(Exchange& exchange) {
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  auto request = wallet_signin_request(*body);
  if (!request) co_return failure(exchange, request.error());
  auto& services = exchange.services();
  auto tokens = co_await services.sessions.sign_in_wallet(std::move(*request), exchange.client());
  if (!tokens) {
    metrics::count<"signins_total">(metrics::Outcome::refused);
    metrics::count<"auth_failures_total">(tokens.error().code);
    co_return failure(exchange, tokens.error());
  }
  metrics::count<"signins_total">(metrics::Outcome::ok);
  log::info("signin", {{"user", tokens->user.id},
                       {"sid", tokens->session.sid},
                       {"how", tokens->session.how},
                       {"ip", exchange.ip},
                       {"request", exchange.request_id}});
  co_return json_response(tokens_json(*tokens).done());
}

Task<http::Response> auth_check(Exchange& exchange) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto view = co_await exchange.services().sessions.session(*caller);
  if (!view) co_return failure(exchange, view.error());
  JsonOut out;
  out.boolean("success", true).boolean("authenticated", true);
  out.object("user", user_json(view->user, view->subject));
  add_expiry(out, caller->claims.exp, exchange.services().clock.wall());
  co_return json_response(out.done());
}

Task<http::Response> auth_session(Exchange& exchange) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto view = co_await exchange.services().sessions.session(*caller);
  if (!view) co_return failure(exchange, view.error());
  JsonOut out;
  out.boolean("success", true).object("session", session_json(view->session));
  out.object("user", user_json(view->user, view->subject));
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
  auto response = json_response(exchange.services().jwks);
  response.headers.clear();
  response.set("Content-Type", "application/jwk-set+json");
  response.set("Cache-Control", "public, max-age=300");
  co_return response;
}

}  // namespace gatecast::server
