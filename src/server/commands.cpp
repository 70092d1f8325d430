// What a client's commands do. The rules are those of the Centrifuge client protocol, version 2.
#include "core/log.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"
#include "protocol/json_check.hpp"
#include "protocol/json_writer.hpp"
#include "server/connection.hpp"
#include "server/publication_views.hpp"

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
  if (phase_ == Phase::unconnected && (command.method != M::connect || pending_->connect_id != 0)) {
    close(Errc::bad_command);
    return false;
  }
  switch (command.method) {
    case M::none:
      // A pong answers one ping, once.
      if (!ping_out_) {
        close(Errc::bad_command);
        break;
      }
      ping_out_ = false;
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
  log::info("auth_failure", {{"reason", i.name}, {"detail", error.detail}, {"ip", ip_}});
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

void Connection::file_under(std::string_view user_id, std::string sid) {
  user_ = &worker_.users().get(user_id);
  user_next_ = user_->first;
  if (user_next_ != nullptr) user_next_->user_prev_ = this;
  user_->first = this;
  ++user_->connections;
  sid_ = std::move(sid);
}

void Connection::on_connect(const protocol::Command& command) {
  if (phase_ == Phase::connected) return close(Errc::bad_command);
  auto& services = worker_.services();
  const bool in_query = command.token.empty() && pending_->token_in_query;
  std::string token = command.token.empty() ? std::exchange(pending_->token, {}) : std::string(command.token);
  const std::uint32_t id = command.id;
  pending_->connect_id = id;
  for (const auto& sub : command.subs) {
    if (sub.recover && is_personal(sub.channel))
      pending_->personal_since = {sub.offset, broker::epoch_asked(sub.epoch)};
  }
  if (token.empty()) {
    if (services.config.realtime.insecure) return accept({}, id);
    metrics::count<"connects_total">(metrics::Outcome::refused);
    return refuse_token(id, fail(Errc::token_missing, "no token in message, Authorization, query or cookie"));
  }
  if (session::TicketKeys::looks_like(token)) {
    pending_->waiting = true;
    return spawn(connect_by_ticket(worker_, id_, id, std::move(token)));
  }
  if (in_query && services.config.http.query_token == "ticket") return judge(Errc::token_in_query, id);
  auto caller = services.sessions.authenticate(token);
  if (!caller && caller.error().code == Errc::temporarily_unavailable) {
    pending_->waiting = true;
    return spawn(connect_by_store(worker_, id_, id, std::move(token)));
  }
  judge(std::move(caller), id);
}

// A ticket counts once: only the store can say that it has not been used.
Task<void> Connection::connect_by_ticket(Worker& worker, std::uint64_t id, std::uint32_t command, std::string ticket) {
  auto caller = co_await worker.services().sessions.redeem(std::move(ticket));
  auto* connection = worker.find(id);
  if (connection == nullptr || connection->phase_ != Phase::unconnected) co_return;
  connection->judge(std::move(caller), command);
}

// The index cannot say whether the session stands: the store can.
Task<void> Connection::connect_by_store(Worker& worker, std::uint64_t id, std::uint32_t command, std::string token) {
  auto caller = co_await worker.services().sessions.authenticate_at_store(std::move(token));
  auto* connection = worker.find(id);
  if (connection == nullptr || connection->phase_ != Phase::unconnected) co_return;
  connection->judge(std::move(caller), command);
}

void Connection::judge(Result<session::Caller> caller, std::uint32_t id) {
  if (caller) return accept(std::move(*caller), id);
  metrics::count<"connects_total">(metrics::Outcome::refused);
  const bool waited = std::exchange(pending_->waiting, false);
  refuse_token(id, caller.error());
  if (waited && phase_ == Phase::unconnected) release();
}

// A verified caller, or the nobody of insecure mode: filed under its user first, so that an ending finds it from here
// on.
void Connection::accept(session::Caller caller, std::uint32_t id) {
  auto& services = worker_.services();
  file_under(caller.user_id, caller.sid);
  if (!caller.sid.empty()) {
    if (!services.config.realtime.insecure) expires_at_ = static_cast<std::uint32_t>(caller.claims.exp);
    services.sessions.seen(caller);
  }
  if (limits().user_connections != 0 && !anonymous()) {
    counted_ = services.user_counts.enter(user_->id, limits().user_connections);
    if (!counted_) return close(Errc::connection_limit);
  }
  const auto uuid = crypto::random_bytes(16);
  std::memcpy(uuid_.data(), uuid.data(), uuid_.size());
  uuid_[6] = static_cast<std::uint8_t>((uuid_[6] & 0x0f) | 0x40);
  uuid_[8] = static_cast<std::uint8_t>((uuid_[8] & 0x3f) | 0x80);

  pending_->waiting = true;
  if (anonymous()) return connected_now(caller, id, {});
  const auto personal = personal_channel(caller.user_id);
  hub::SubscribeOptions options{.recover = pending_->personal_since};
  worker_.hub().subscribe(*this, personal, std::move(options),
                          [this, id, caller = std::move(caller)](const Result<hub::Subscribed>& done) {
                            if (!done) return close(Errc::server_error);
                            connected_now(caller, id, *done);
                          });
}

// Writes the connect reply. The session is looked at once more in this very turn: what ended while the personal channel
// was being subscribed must not connect.
void Connection::connected_now(const session::Caller& caller, std::uint32_t id, const hub::Subscribed& personal) {
  auto& services = worker_.services();
  if (!caller.sid.empty()) {
    const auto standing = services.sessions.standing(caller);
    if (standing.kind == session::Standing::Kind::ended) return close(standing.reason, false);
  }
  phase_ = Phase::connected;
  metrics::count<"connects_total">(metrics::Outcome::ok);
  const auto client = client_id();
  protocol::ConnectResult result{.client = client, .version = services.version};
  result.expires = expires_at_ != 0;
  if (result.expires) result.ttl_seconds = ttl_seconds();
  result.ping_seconds =
      static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(services.config.realtime.ping).count());
  result.pong = true;
  const auto channel = personal_channel(user_->id);
  const PublicationViews missed(personal.publications);
  const std::string epoch = broker::epoch_text(personal.position.epoch);
  protocol::ConnectedSub sub{.channel = channel, .result = {.recoverable = true, .positioned = true, .epoch = epoch}};
  sub.result.was_recovering = pending_->personal_since.has_value();
  sub.result.recovered = personal.recovered;
  sub.result.publications = missed.views();
  sub.result.offset = missed.views().empty() ? personal.position.offset : missed.views().front().offset - 1;
  if (!user_->id.empty()) result.subs = {&sub, 1};
  std::string reply;
  protocol::append_reply(reply, id, result);
  send_text(reply);
  log::info("connection", {{"user", user_->id}, {"sid", sid_}, {"client", client}, {"ip", ip_}});

  // The first ping comes at a random moment of the interval's second half, so that clients that came together are not
  // pinged together.
  const auto interval = services.config.realtime.ping;
  std::uint32_t random;
  std::memcpy(&random, uuid_.data(), sizeof random);
  due_ = worker_.shard().loop().now() + interval / 2 + Duration(interval / 2) * (random & 1023) / 1024;
  arm();
  release();
}

void Connection::on_refresh(const protocol::Command& command) {
  auto& services = worker_.services();
  auto caller = services.sessions.authenticate(command.token);
  // Out of touch with the store for the moment: the client asks again in a few seconds, within its grace.
  if (!caller && caller.error().code == Errc::temporarily_unavailable) {
    return reply_error(command.id, Errc::temporarily_unavailable);
  }
  if (!caller) return refuse_token(command.id, caller.error());
  if (caller->user_id != user_->id) return refuse_token(command.id, fail(Errc::token_foreign));
  // Another session of the same user: the connection now lives and dies with that one.
  sid_ = caller->sid;
  if (!services.config.realtime.insecure) expires_at_ = static_cast<std::uint32_t>(caller->claims.exp);
  services.sessions.seen(*caller);
  protocol::RefreshResult result{.version = services.version, .expires = expires_at_ != 0};
  const auto client = client_id();
  result.client = client;
  if (result.expires) result.ttl_seconds = ttl_seconds();
  std::string reply;
  protocol::append_reply(reply, command.id, result);
  send_text(reply);
  arm();
}

}  // namespace gatecast::server
