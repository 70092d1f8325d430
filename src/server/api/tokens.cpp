// Server API: a session for a user that the application has signed in itself.
#include "core/log.hpp"
#include "protocol/json_check.hpp"
#include "server/api/methods.hpp"
#include "server/json/session_json.hpp"
#include "session/accounts.hpp"

namespace gatecast::server {

Task<Answer> api_token_mint(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"user", "create", "claims", "ip", "userAgent", "idempotency_key"}); !known) {
    co_return known.error();
  }
  auto id = params.text("user");
  if (!id) co_return id.error();
  auto create = params.optional_bool("create");
  if (!create) co_return create.error();
  // Of the person's device, as the back end saw it: what the list of sessions shows.
  auto ip = params.optional_text("ip");
  if (!ip) co_return ip.error();
  auto agent = params.optional_text("userAgent");
  if (!agent) co_return agent.error();
  if (ip->size() > 64) co_return fail(Errc::field_invalid, "ip: at most 64 bytes");
  std::optional<std::string> claims;
  if (const auto raw = params.raw("claims"); !raw.empty() && raw != "null") {
    std::string scratch;
    claims = std::string(protocol::compact_newlines(raw, scratch));
  }
  session::ClientInfo client{.ip = ip->empty() ? call.ip : std::move(*ip),
                             .user_agent = agent->empty() ? call.actor : std::move(*agent)};
  auto tokens = co_await call.services().accounts.mint(std::move(*id), create->value_or(false), std::move(claims),
                                                       std::move(client));
  if (!tokens) co_return tokens.error();
  co_await audit_call(call, "token_mint", tokens->user.id, tokens->session.sid, {});
  log::info("token_mint", {{"user", tokens->user.id}, {"sid", tokens->session.sid}, {"actor", call.actor}});
  co_return tokens_json(*tokens).done();
}

}  // namespace gatecast::server
