// The reserved RPC methods of a connection: gatecast.renew, gatecast.grants, gatecast.time. All others are not
// available.
#include "core/time_text.hpp"
#include "metrics/registry.hpp"
#include "protocol/json_writer.hpp"
#include "server/json/session_json.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {
namespace {

Result<std::string> refresh_token_of(std::string_view data) {
  if (data.empty()) return Errc::refresh_missing;
  auto body = JsonIn::parse(data);
  if (!body) return body.error();
  auto token = body->optional_text("refreshToken");
  if (token && token->empty()) return Errc::refresh_missing;
  return token;
}

}  // namespace

void Connection::on_rpc(const protocol::Command& command) {
  if (command.rpc_method == "gatecast.time") {
    const WallTime now = worker_.services().clock.wall();
    return reply_rpc(command.id, JsonOut().text("time", format_rfc3339(now)).number("ms", unix_ms(now)).done());
  }
  if (command.rpc_method == "gatecast.grants") return on_grants_rpc(command);
  if (command.rpc_method != "gatecast.renew") return reply_error(command.id, Errc::not_available);
  auto token = refresh_token_of(command.data);
  if (!token) return reply_error(command.id, token.error().code);
  wait();
  spawn(renew(worker_, id_, command.id, std::move(*token), user_->id.text(), ip_.text()));
}

/// The tokens of a renewal in the reply. The connection's own life is prolonged by its client's refresh command.
Task<void> Connection::renew(Worker& worker, std::uint64_t id, std::uint32_t command, std::string token,
                             std::string user_id, std::string ip) {
  auto& services = worker.services();
  Result<session::Tokens> tokens = Errc::rate_limited;
  const auto verdict = co_await services.limiter.check(RateClass::liberal, ip);
  if (verdict.allowed) {
    tokens = co_await services.sessions.renew(std::move(token), {.ip = std::move(ip)}, std::move(user_id));
  }
  auto* connection = worker.find(id);
  if (connection == nullptr || connection->phase_ != Phase::connected) co_return;
  if (tokens) {
    connection->reply_rpc(command, tokens_json(*tokens).done());
  } else {
    // A session that has ended has no number among reply errors; where it is the connection's own, the close code says
    // why.
    const Errc code = tokens.error().code;
    metrics::count<"auth_failures_total">(code);
    connection->reply_error(command, info(code).reply != 0 ? code : Errc::unauthorized);
  }
  connection->release();
}

void Connection::reply_rpc(std::uint32_t id, std::string_view data) {
  std::string reply;
  protocol::append_reply(reply, id, protocol::RpcResult{.data = data});
  send_text(reply);
}

}  // namespace gatecast::server
