// What a client's commands do. The rules are those of the Centrifuge client protocol, version 2.
#include "core/log.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"
#include "protocol/json_check.hpp"
#include "protocol/json_writer.hpp"
#include "server/json/publication_views.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {
namespace {

metrics::Command metric_of(protocol::Method method) {
  using M = protocol::Method;
  switch (method) {
    case M::connect: return metrics::Command::connect;
    case M::subscribe: return metrics::Command::subscribe;
    case M::unsubscribe: return metrics::Command::unsubscribe;
    case M::publish: return metrics::Command::publish;
    case M::presence: return metrics::Command::presence;
    case M::presence_stats: return metrics::Command::presence_stats;
    case M::history: return metrics::Command::history;
    case M::rpc: return metrics::Command::rpc;
    case M::send: return metrics::Command::send;
    case M::refresh: return metrics::Command::refresh;
    case M::sub_refresh: return metrics::Command::sub_refresh;
    case M::none: return metrics::Command::ping;
  }
  return metrics::Command::other;
}

}  // namespace

// Returns whether the frame's next command may be taken.
bool Connection::on_command(const protocol::Command& command) {
  using M = protocol::Method;
  metrics::count<"messages_in_total">(metric_of(command.method));
  ++messages_in_;
  if (phase_ == Phase::unconnected && (command.method != M::connect || pending_->connect_id != 0)) {
    close(Errc::bad_command);
    return false;
  }
  // A pong has its own bound: one a ping.
  if (command.method != M::none) {
    const auto verdict = pace(command.source.size());
    if (verdict != limits::Pace::Verdict::pass) return refuse_fast(command, verdict);
  }
  if (log::enabled(log::Level::debug)) {
    const auto type = static_cast<std::size_t>(metric_of(command.method));
    log::debug("message", {{"type", metrics::label_value(metrics::Domain::command, type)},
                           {"bytes", static_cast<std::uint64_t>(command.source.size())},
                           {"user", user_id()},
                           {"ip", ip_}});
  }
  switch (command.method) {
    case M::none:
      // A pong answers one ping, once.
      if (!ping_out_) {
        close(Errc::bad_command);
        break;
      }
      ping_out_ = false;
      note_round_trip();
      due_ += worker_.services().config.realtime.ping - worker_.services().config.realtime.pong;
      arm();
      break;
    case M::connect: on_connect(command); break;
    case M::subscribe: on_subscribe(command); break;
    case M::unsubscribe: on_unsubscribe(command); break;
    case M::publish: on_publish(command); break;
    case M::refresh: on_refresh(command); break;
    case M::send: close(Errc::not_available); break;
    case M::presence:
    case M::presence_stats: on_presence(command); break;
    case M::history: on_history(command); break;
    case M::rpc: on_rpc(command); break;
    case M::sub_refresh: on_sub_refresh(command); break;
  }
  // A connect that was refused ends its frame: SDKs send their subscribes behind it in hope, and read the refusal.
  return phase_ == Phase::connected && !waiting();
}

// The command that waited has been answered: what is behind it goes on in its order. One that never had to wait calls
// this from within the loop over its frame, where nothing is behind yet.
void Connection::release() {
  pending_->waiting = false;
  Behind behind = std::exchange(pending_->behind, {});
  if (phase_ == Phase::connected) {
    pending_.reset();
    if (behind.taken < behind.frame.size()) {
      auto& decoder = worker_.decoder();
      decoder.go_on(std::string_view(behind.frame).substr(behind.taken), behind.count);
      take_commands();
      if (waiting()) {
        behind.taken = behind.frame.size() - decoder.rest().size();
        behind.count = decoder.count();
        pending_->behind = std::move(behind);
        return;
      }
    }
  }
  if (!behind.bytes.empty()) take_ws(behind.bytes);
  if (!waiting()) set_reading(true);
}

void Connection::reply_error(std::uint32_t id, Errc code) {
  metrics::count<"refusals_total">(code);
  std::string reply;
  protocol::append_error(reply, id, code);
  send_text(reply);
}

// The outcome of a bad token: 109 where the client can get a better one, else a disconnect that says why.
void Connection::refuse_token(std::uint32_t id, const Error& error) {
  const auto& i = info(error.code);
  metrics::count<"auth_failures_total">(error.code);
  const bool connected = phase_ == Phase::connected;
  const std::string name = connected ? client_id() : pending_ != nullptr ? pending_->request : std::string();
  log::info("auth_failure",
            {{"reason", i.name}, {"detail", error.detail}, {"ip", ip_}, {connected ? "client" : "request", name}});
  if ((i.reply == 109 || i.temporary) && phase_ == Phase::unconnected) {
    metrics::count<"refusals_total">(error.code);
    pending_->connect_id = id;
    std::string reply;
    protocol::append_error(reply, id, error.code);
    return send_text(reply);
  }
  metrics::count<"refusals_total">(error.code);
  close(i.close != 0 ? error.code : i.reply == 109 ? Errc::token_expired : Errc::server_error);
}

std::uint32_t Connection::ttl_seconds() const {
  const auto left = static_cast<std::int64_t>(expires_at_) - unix_seconds(worker_.services().clock.wall());
  return static_cast<std::uint32_t>(std::max<std::int64_t>(left, 1));
}

/// Whether the token names the channels that the connection has from its token.
bool Connection::same_channels(const token::ConnectionClaims& claims) const {
  const auto of_token = [](const Seat& seat) { return seat.origin == Origin::token; };
  const auto had = seats_ == nullptr ? 0 : std::ranges::count_if(seats_->all, of_token);
  std::ptrdiff_t named = 0;
  for (const auto& sub : claims.subscriptions) {
    if (is_personal(sub.channel)) continue;
    ++named;
    const Seat* seat = seats_ == nullptr ? nullptr : seats_->find(sub.channel);
    if (seat == nullptr || !of_token(*seat)) return false;
  }
  return had == named;
}

void Connection::on_refresh(const protocol::Command& command) {
  auto caller = worker_.services().sessions.authenticate(command.token);
  if (!caller && caller.error().code == Errc::temporarily_unavailable) {
    return spawn(refresh_by_store(worker_, id_, command.id, std::string(command.token)));
  }
  refreshed(command.id, std::move(caller));
}

Task<void> Connection::refresh_by_store(Worker& worker, std::uint64_t id, std::uint32_t command, std::string token) {
  auto caller = co_await worker.services().sessions.authenticate_at_store(std::move(token));
  auto* connection = worker.find(id);
  if (connection == nullptr || connection->phase_ != Phase::connected) co_return;
  // Out of touch with the store for the moment: the client asks again in a few seconds, within its grace.
  if (!caller && caller.error().code == Errc::temporarily_unavailable) {
    co_return connection->reply_error(command, Errc::temporarily_unavailable);
  }
  if (caller) {
    const auto standing = worker.services().sessions.standing(*caller);
    if (standing.kind == session::Standing::Kind::ended) caller = fail(standing.reason);
  }
  connection->refreshed(command, std::move(caller));
}

void Connection::refreshed(std::uint32_t id, Result<session::Caller> caller) {
  auto& services = worker_.services();
  if (!caller) return refuse_token(id, caller.error());
  if (caller->user_id != user_->id) return refuse_token(id, fail(Errc::token_foreign));
  auto claims = token::read_connection_claims(caller->claims.extra_json);
  if (!claims) return refuse_token(id, claims.error());
  if (auto taken = take_expiry(*caller, *claims); !taken) return reply_error(id, taken.error().code);
  // A client with other channels in its token has them by connecting anew.
  if (!same_channels(*claims)) return close(Errc::insufficient_state);
  // Another session of the same user: the connection now lives and dies with that one.
  sid_ = CompactText(caller->sid);
  if (seats_ != nullptr || !claims->info.empty()) seats().conn_info = std::move(claims->info);
  services.sessions.seen(*caller);
  protocol::RefreshResult result{.version = services.version, .expires = expires_at_ != 0};
  const auto client = client_id();
  result.client = client;
  if (result.expires) result.ttl_seconds = ttl_seconds();
  std::string reply;
  protocol::append_reply(reply, id, result);
  send_text(reply);
  arm();
}

}  // namespace gatecast::server
