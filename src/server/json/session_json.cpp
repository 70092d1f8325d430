#include "server/json/session_json.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "metrics/registry.hpp"
#include "server/routes/proof_in.hpp"
#include "session/kinds.hpp"
#include "token/json_object.hpp"

namespace gatecast::server {
namespace {

/// What an identity is known by: an address under the name given, or who it is at Telegram.
void add_identity(JsonOut& out, std::string_view address_name, std::string_view kind, std::string_view subject,
                  std::string_view profile) {
  if (session::is_wallet_kind(kind)) out.text(address_name, subject);
  if (kind != session::kKindTelegram) return;
  const auto id = identity::telegram_id(subject);
  if (id) out.number("telegram_id", *id);
  const auto said = token::JsonObject::parse(profile);
  for (const char* name : {"username", "first_name"}) {
    const token::JsonMember* member = said ? said->find(name) : nullptr;
    if (member != nullptr && member->kind == token::JsonKind::string) out.raw(name, member->raw);
  }
}

}  // namespace

Result<JsonIn> body_of(const Exchange& exchange) {
  const auto type = exchange.request.header("Content-Type");
  if (!type.empty() && !http::iequals(type.substr(0, 16), "application/json")) {
    return fail(Errc::content_type, std::string(type.substr(0, 64)));
  }
  return JsonIn::parse(exchange.request.body);
}

Result<JsonIn> optional_body_of(const Exchange& exchange) {
  return exchange.request.body.empty() ? JsonIn::parse("{}") : body_of(exchange);
}

Result<std::optional<session::Proof>> confirming_of(const Exchange& exchange) {
  auto body = optional_body_of(exchange);
  if (!body) return body.error();
  return confirming_proof(*body);
}

JsonOut user_json(const store::UserRow& user, std::string_view kind, std::string_view subject,
                  std::string_view profile) {
  JsonOut out;
  out.text("id", user.id);
  add_identity(out, "wallet", kind, subject, profile);
  out.text_if("nickname", user.nickname);
  out.text_if("avatar", user.avatar).boolean("isCreator", user.is_creator).boolean("isVerified", user.is_verified);
  out.text("ref_code", user.ref_code);
  return out;
}

JsonOut user_json(const store::SessionView& view) {
  return user_json(view.user, view.kind, view.subject, view.profile);
}

JsonOut identity_json(const store::IdentityRow& row) {
  JsonOut out;
  out.text("id", row.id).text("kind", row.kind);
  add_identity(out, "address", row.kind, row.subject, row.profile);
  out.text("createdAt", format_rfc3339(row.created_at));
  return out;
}

JsonOut session_json(const store::SessionRow& row) {
  JsonOut out;
  out.text("id", row.sid).text("createdAt", format_rfc3339(row.created_at));
  out.text("lastSeenAt", format_rfc3339(row.last_seen_at)).text("expiresAt", format_rfc3339(row.expires_at));
  out.text("how", row.how).text("ip", row.ip).text("userAgent", row.user_agent);
  return out;
}

JsonOut tokens_json(const session::Tokens& tokens) {
  JsonOut out;
  out.boolean("success", true).text("token", tokens.access).number("expiresIn", tokens.expires_in);
  out.text("expiresAt", format_rfc3339(tokens.expires_at));
  // An access token given for an access token comes without.
  if (!tokens.refresh.empty()) {
    out.text("refreshToken", tokens.refresh);
    out.text("refreshExpiresAt", format_rfc3339(tokens.refresh_expires_at));
  }
  out.object("session", JsonOut().text("id", tokens.session.sid));
  out.object("user", user_json(tokens.user, tokens.kind, tokens.subject, tokens.profile));
  return out;
}

void note_signin(Exchange& exchange, const Result<session::Tokens>& tokens) {
  if (!tokens) {
    metrics::count<"signins_total">(metrics::Outcome::refused);
    metrics::count<"auth_failures_total">(tokens.error().code);
    return;
  }
  metrics::count<"signins_total">(metrics::Outcome::ok);
  exchange.honest = !tokens->created;
  log::info("signin", {{"user", tokens->user.id},
                       {"sid", tokens->session.sid},
                       {"how", tokens->session.how},
                       {"ip", exchange.ip},
                       {"request", exchange.request_id}});
}

http::Response signin_response(Exchange& exchange, const Result<session::Tokens>& tokens) {
  note_signin(exchange, tokens);
  if (!tokens) {
    http::Response refused = failure(exchange, tokens.error());
    // A hook, a node or the store did not answer; nothing was used up, so the same request may come again.
    if (tokens.error().code == Errc::temporarily_unavailable) refused.set("Retry-After", "2");
    return refused;
  }
  JsonOut out = tokens_json(*tokens);
  out.boolean("created", tokens->created);
  out.boolean("referred", tokens->created && tokens->user.referrer.has_value());
  return json_response(out.done());
}

}  // namespace gatecast::server
