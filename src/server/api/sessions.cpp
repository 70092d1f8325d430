// Server API: sessions of a user, and their end.
#include "core/log.hpp"
#include "server/api/methods.hpp"
#include "server/json/session_json.hpp"
#include "server/socket/user_connections.hpp"
#include "session/accounts.hpp"

namespace gatecast::server {

Task<Answer> api_sessions(ApiCall& call, const JsonIn& params) {
  auto id = params.text("user");
  if (!id) co_return id.error();
  auto rows = co_await call.services().accounts.sessions(*id);
  if (!rows) co_return rows.error();
  const auto connected = co_await connections_by_sid(call.services(), *id);
  std::string list;
  for (const auto& row : *rows) {
    auto session = session_json(row);
    session.number("connected", connected.of(row.sid));
    if (!list.empty()) list += ',';
    list += session.done();
  }
  JsonOut out;
  out.raw("sessions", "[" + list + "]");
  if (!connected.missing.empty()) out.raw("missing", connected.missing);
  co_return out.done();
}

Task<Answer> api_session_end(ApiCall& call, const JsonIn& params) {
  auto sid = params.optional_text("session");
  if (!sid) co_return sid.error();
  auto user = params.optional_text("user");
  if (!user) co_return user.error();
  if (sid->empty() == user->empty()) co_return fail(Errc::field_invalid, "give session or user");
  auto& accounts = call.services().accounts;
  std::size_t count = 0;
  if (!user->empty()) {
    auto ended = co_await accounts.end_sessions(*user, call.ip);
    if (!ended) co_return ended.error();
    count = *ended;
  } else {
    auto ended = co_await accounts.end_session(*sid, call.ip);
    if (!ended) co_return ended.error();
    *user = ended->session.user_id;
    count = ended->now ? 1 : 0;
  }
  if (count > 0) co_await audit_call(call, "session_end", *user, *sid, fmt::format("{} ended", count));
  log::info("session_end", {{"user", *user}, {"sid", *sid}, {"ended", count}, {"actor", call.actor}});
  co_return JsonOut().number("ended", count).done();
}

}  // namespace gatecast::server
