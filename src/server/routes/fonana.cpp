// The wallet endpoint of the Fonana application: the same sign-in and check, in its shape.
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "metrics/registry.hpp"
#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"
#include "server/json/session_json.hpp"
#include "server/routes/handlers.hpp"

namespace gatecast::server {
namespace {

constexpr std::string_view kChain = "solana";

/// "30m": whole minutes where there is one, never more than the token lives.
std::string span_text(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds % 86400 == 0) return fmt::format("{}d", seconds / 86400);
  if (seconds % 3600 == 0) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}m", seconds / 60);
}

/// Its pages read every member without asking whether it is there.
JsonOut fonana_user(const store::UserRow& user, std::string_view wallet) {
  JsonOut out;
  out.text("id", user.id).text("wallet", wallet).text("nickname", user.nickname).text("avatar", user.avatar);
  out.boolean("isCreator", user.is_creator).boolean("isVerified", user.is_verified).text("ref_code", user.ref_code);
  return out;
}

/// The refusal of an address without a proof, with what its wallet is to sign.
http::Response ask_for_proof(const Exchange& exchange, const std::string& wallet) {
  auto made = exchange.services().sessions.challenge(
      {.chain = std::string(kChain), .address = wallet, .origin = exchange.client().origin});
  if (!made) return failure(exchange, made.error());
  metrics::count<"challenges_total">();
  JsonOut challenge;
  challenge.text("message", made->message).text("nonce", made->input.nonce);
  challenge.text("expiresAt", format_rfc3339(made->input.expiration_time));
  return failure(exchange, fail(Errc::challenge_required, "no signature"), "challenge", challenge);
}

struct FonanaSignIn {
  std::string wallet, message, signature, ref_code;
};

Result<FonanaSignIn> fonana_request(const JsonIn& body) {
  FonanaSignIn request;
  auto wallet = body.text("wallet");
  if (!wallet) return wallet.error();
  request.wallet = std::move(*wallet);
  const std::pair<const char*, std::string*> optional[] = {
      {"message", &request.message}, {"signature", &request.signature}, {"ref_code", &request.ref_code}};
  for (const auto& [name, into] : optional) {
    auto value = body.optional_text(name);
    if (!value) return value.error();
    *into = std::move(*value);
  }
  return request;
}

}  // namespace

Task<http::Response> fonana_signin(Exchange& exchange) {
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  auto request = fonana_request(*body);
  if (!request) co_return failure(exchange, request.error());
  if (request->signature.empty() || request->message.empty()) co_return ask_for_proof(exchange, request->wallet);

  auto tokens = co_await exchange.services().sessions.sign_in_wallet({.chain = std::string(kChain),
                                                                      .address = std::move(request->wallet),
                                                                      .message = std::move(request->message),
                                                                      .signature = std::move(request->signature),
                                                                      .ref_code = std::move(request->ref_code)},
                                                                     exchange.client());
  note_signin(exchange, tokens);
  if (!tokens) co_return failure(exchange, tokens.error());
  JsonOut out;
  out.boolean("success", true).text("token", tokens->access).text("expiresIn", span_text(tokens->expires_in));
  out.number("expiresInSeconds", tokens->expires_in).text("expiresAt", format_rfc3339(tokens->expires_at));
  out.text("refreshToken", tokens->refresh).text("refreshExpiresAt", format_rfc3339(tokens->refresh_expires_at));
  out.object("session", JsonOut().text("id", tokens->session.sid));
  out.object("user", fonana_user(tokens->user, tokens->subject));
  co_return json_response(out.done());
}

Task<http::Response> fonana_check(Exchange& exchange) {
  auto caller = co_await bearer(exchange);
  if (!caller) co_return failure(exchange, caller.error());
  auto view = co_await exchange.services().sessions.session(*caller);
  if (!view) co_return failure(exchange, view.error());
  JsonOut out;
  out.boolean("success", true).boolean("valid", true);
  out.text("expiresAt", format_rfc3339(from_unix_seconds(caller->claims.exp)));
  out.object("user", fonana_user(view->user, view->subject));
  co_return json_response(out.done());
}

}  // namespace gatecast::server
