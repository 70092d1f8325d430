#include "server/routes/exchange.hpp"

#include <array>

#include "core/log.hpp"
#include "crypto/constant_time.hpp"
#include "crypto/hash.hpp"
#include "metrics/registry.hpp"
#include "server/json/json_out.hpp"
#include "server/routes/handlers.hpp"

namespace gatecast::server {
namespace {

struct Binding {
  std::string_view name;
  Handler handler;
};

constexpr std::array kBindings{
    Binding{"wallet_challenge", wallet_challenge},
    Binding{"wallet_signin", wallet_signin},
    Binding{"auth_check", auth_check},
    Binding{"auth_session", auth_session},
    Binding{"auth_validate", auth_validate},
    Binding{"auth_logout", auth_logout},
    Binding{"jwks", jwks},
    Binding{"demo", page},
    Binding{"asset", page},
    Binding{"console", page},
    Binding{"console_asset", page},
    Binding{"test_page", page},
    Binding{"test_token_doctor", page_token_doctor},
    Binding{"api_lines", api_lines},
    Binding{"api_method", api_method},
    Binding{"api_batch", api_batch},
    Binding{"api_events", api_event_feed},
    Binding{"stats", stats},
    Binding{"metrics", metrics_text},
    Binding{"healthz", healthz},
    Binding{"readyz", readyz},
    Binding{"auth_refresh", auth_refresh},
    Binding{"auth_logout_all", auth_logout_all},
    Binding{"auth_logout_others", auth_logout_others},
    Binding{"auth_sessions", auth_sessions},
    Binding{"auth_session_end", auth_session_end},
    Binding{"telegram_signin", telegram_signin},
    Binding{"telegram_register", telegram_register},
    Binding{"link_wallet", link_wallet},
    Binding{"link_telegram", link_telegram},
    Binding{"identity_unlink", identity_unlink},
    Binding{"auth_ticket", auth_ticket},
    Binding{"user_grants", user_grants},
    Binding{"notifications", notifications},
    Binding{"notifications_read", notifications_read},
    Binding{"notifications_remove", notifications_remove},
    Binding{"fonana_signin", fonana_signin},
    Binding{"fonana_check", fonana_check},
    Binding{"oauth_introspect", oauth_introspect},
    Binding{"oauth_revoke", oauth_revoke},
};

}  // namespace

Handler handler_of(std::string_view name) {
  for (const auto& b : kBindings) {
    if (b.name == name) return b.handler;
  }
  return nullptr;
}

session::ClientInfo Exchange::client() const {
  return {.ip = ip,
          .user_agent = std::string(request.header("User-Agent").substr(0, 256)),
          .origin = std::string(request.header("Origin").substr(0, 256))};
}

http::Response json_response(std::string body, unsigned status) {
  http::Response response{.status = status, .body = std::move(body)};
  response.set("Content-Type", "application/json");
  response.set("Cache-Control", "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  return response;
}

http::Response failure(const Error& error, std::string_view request_id) {
  const auto& code = info(error.code);
  metrics::count<"refusals_total">(error.code);
  JsonOut body;
  body.boolean("success", false).text("error", fmt::format("{}. {}", code.message, code.cure)).text("code", code.name);
  if (code.need_new_token) body.boolean("need_new_token", true);
  body.text("requestId", request_id);
  return json_response(body.done(), code.http == 0 ? 500 : code.http);
}

http::Response failure(const Exchange& exchange, const Error& error) {
  log::info("refusal", {{"code", info(error.code).name},
                        {"detail", error.detail},
                        {"route", exchange.route.name},
                        {"ip", exchange.ip},
                        {"request", exchange.request_id}});
  return failure(error, exchange.request_id);
}

http::Response failure(const Exchange& exchange, const Error& error, std::string_view name, const JsonOut& object) {
  http::Response response = failure(exchange, error);
  response.body.pop_back();
  response.body += ',' + JsonOut().object(name, object).done().substr(1);
  return response;
}

std::string bearer_token(const http::Request& request) {
  // Several fields are joined, so that two of them make a token nobody has, instead of one that a proxy read otherwise.
  std::string value = http::join_header(request.headers, "Authorization");
  if (value.size() < 8 || !http::iequals(std::string_view(value).substr(0, 7), "Bearer ")) return {};
  return value.substr(value.find_first_not_of(' ', 7) == std::string::npos ? 7 : value.find_first_not_of(' ', 7));
}

Result<const ApiKey*> find_api_key(const Services& services, std::string_view given) {
  if (given.empty()) return Errc::api_key_missing;
  const auto digest = crypto::sha256(given);
  for (const auto& key : services.settings.get().api_keys) {
    if (!crypto::equal(key.digest, digest)) continue;
    if (key.use_until && *key.use_until <= services.clock.wall()) {
      return fail(Errc::api_key_unknown, fmt::format("key '{}' is past its use_until", key.name));
    }
    return &key;
  }
  return Errc::api_key_unknown;
}

Task<Result<session::Caller>> bearer(const Exchange& exchange, Foreign foreign) {
  const auto token = bearer_token(exchange.request);
  if (token.empty()) co_return fail(Errc::token_missing, "no Authorization: Bearer");
  auto& sessions = exchange.services().sessions;
  auto caller = sessions.authenticate(token);
  if (!caller && caller.error().code == Errc::temporarily_unavailable) {
    caller = co_await sessions.authenticate_at_store(std::string(token));
  }
  if (caller && caller->foreign && foreign == Foreign::refuse) caller = fail(Errc::session_foreign, caller->issuer);
  if (caller) {
    sessions.seen(*caller);
  } else {
    metrics::count<"auth_failures_total">(caller.error().code);
  }
  co_return caller;
}

}  // namespace gatecast::server
