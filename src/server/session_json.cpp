#include "server/session_json.hpp"

#include "core/time_text.hpp"

namespace gatecast::server {

Result<JsonIn> body_of(const Exchange& exchange) {
  const auto type = exchange.request.header("Content-Type");
  if (!type.empty() && !http::iequals(type.substr(0, 16), "application/json")) {
    return fail(Errc::content_type, std::string(type.substr(0, 64)));
  }
  return JsonIn::parse(exchange.request.body);
}

JsonOut user_json(const store::UserRow& user, std::string_view address) {
  JsonOut out;
  out.text("id", user.id).text_if("wallet", address).text_if("nickname", user.nickname);
  out.text_if("avatar", user.avatar).boolean("isCreator", user.is_creator).boolean("isVerified", user.is_verified);
  out.text("ref_code", user.ref_code);
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
  out.text("expiresAt", format_rfc3339(tokens.expires_at)).text("refreshToken", tokens.refresh);
  out.text("refreshExpiresAt", format_rfc3339(tokens.refresh_expires_at));
  out.object("session", JsonOut().text("id", tokens.session.sid));
  out.object("user", user_json(tokens.user, tokens.address));
  return out;
}

}  // namespace gatecast::server
