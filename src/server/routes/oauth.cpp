// Token introspection (RFC 7662) and revocation (RFC 7009).
#include "core/log.hpp"
#include "core/text_form.hpp"
#include "metrics/registry.hpp"
#include "server/json/json_out.hpp"
#include "server/routes/form_in.hpp"
#include "server/routes/handlers.hpp"

namespace gatecast::server {
namespace {

constexpr std::string_view kScope = "sessions";

std::string_view oauth_code(const CodeInfo& code) {
  if (code.http == 401) return "invalid_client";
  if (code.http == 403) return "unauthorized_client";
  return code.http >= 500 ? "temporarily_unavailable" : "invalid_request";
}

/// A refusal as OAuth's clients read it (RFC 6749 §5.2), with our code beside.
http::Response oauth_failure(const Exchange& exchange, const Error& error) {
  http::Response response = failure(exchange, error);
  const auto& code = info(error.code);
  JsonOut body;
  body.text("error", oauth_code(code)).text("error_description", fmt::format("{}. {}", code.message, code.cure));
  body.text("code", code.name).text("requestId", exchange.request_id);
  response.body = body.done();
  if (code.http == 401) response.set("WWW-Authenticate", "Basic realm=\"gatecast\"");
  return response;
}

/// The key of X-API-Key, or the password of Basic under the key's name.
Result<const ApiKey*> key_of(const Exchange& exchange) {
  const auto& services = exchange.services();
  const auto given = exchange.request.header("X-API-Key");
  if (!given.empty()) return find_api_key(services, given);
  const std::string field = http::join_header(exchange.request.headers, "Authorization");
  if (field.size() < 6 || !http::iequals(std::string_view(field).substr(0, 6), "Basic ")) return Errc::api_key_missing;
  const auto pair = base64_decode(std::string_view(field).substr(6));
  const auto colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return fail(Errc::api_key_unknown, "Basic is not user:password");
  auto key = find_api_key(services, std::string_view(*pair).substr(colon + 1));
  if (key && (*key)->name != std::string_view(*pair).substr(0, colon)) {
    return fail(Errc::api_key_unknown, "the user of Basic is not the key's name");
  }
  return key;
}

Result<void> require_back_end(const Exchange& exchange) {
  auto key = key_of(exchange);
  if (!key) return key.error();
  if (!(*key)->allows(kScope))
    return fail(Errc::api_scope, fmt::format("key '{}' lacks scope {}", (*key)->name, kScope));
  return {};
}

/// Whether the answer says something of the token, and not of the server.
bool says_inactive(Errc code) { return info(code).http != 503 && code != Errc::internal && code != Errc::store_failed; }

std::string active_json(const session::Caller& caller) {
  const auto& claims = caller.claims;
  std::string aud = "[";
  for (const auto& one : claims.aud) {
    if (aud.size() > 1) aud += ',';
    protocol::append_json_text(aud, one);
  }
  JsonOut out;
  out.boolean("active", true).text("token_type", "Bearer").text("sub", caller.user_id).text("sid", caller.sid);
  out.number("gen", claims.gen).text("iss", claims.iss).raw("aud", aud + ']');
  out.number("exp", claims.exp).number("iat", claims.iat).text_if("jti", claims.jti);
  out.raw("claims", claims.extra_json.empty() ? "{}" : claims.extra_json);
  return out.done();
}

}  // namespace

Task<http::Response> oauth_introspect(Exchange& exchange) {
  if (auto allowed = require_back_end(exchange); !allowed) co_return oauth_failure(exchange, allowed.error());
  auto token = form_field(exchange.request, "token");
  if (!token) co_return oauth_failure(exchange, token.error());
  auto caller = co_await exchange.services().sessions.authenticate_at_store(std::move(*token));
  if (!caller) {
    if (!says_inactive(caller.error().code)) co_return oauth_failure(exchange, caller.error());
    co_return json_response(JsonOut().boolean("active", false).done());
  }
  co_return json_response(active_json(*caller));
}

Task<http::Response> oauth_revoke(Exchange& exchange) {
  auto token = form_field(exchange.request, "token");
  if (!token) co_return oauth_failure(exchange, token.error());
  auto revoked = co_await exchange.services().sessions.revoke(std::move(*token), exchange.ip);
  if (!revoked) co_return oauth_failure(exchange, revoked.error());
  co_return json_response("{}");
}

}  // namespace gatecast::server
