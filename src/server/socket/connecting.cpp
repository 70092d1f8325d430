// What a connect command does: from its token to the reply, with the channels that the server subscribes it to.
#include <deque>

#include "core/log.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"
#include "protocol/json_writer.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {

void Connection::file_under(std::string_view user_id, std::string sid) {
  user_ = &worker_.users().get(user_id);
  user_next_ = user_->first;
  if (user_next_ != nullptr) user_next_->user_prev_ = this;
  user_->first = this;
  ++user_->connections;
  sid_ = CompactText(sid);
}

void Connection::on_connect(const protocol::Command& command) {
  if (phase_ == Phase::connected) return close(Errc::bad_command);
  auto& services = worker_.services();
  const bool in_query = command.token.empty() && pending_->token_in_query;
  std::string token = command.token.empty() ? std::exchange(pending_->token, {}) : std::string(command.token);
  const std::uint32_t id = command.id;
  pending_->connect_id = id;
  take_version_told(command.data);
  for (const auto& sub : command.subs) {
    if (sub.recover)
      pending_->since.emplace_back(sub.channel, broker::StreamPosition{sub.offset, broker::epoch_asked(sub.epoch)});
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
  const bool waited = std::exchange(pending_->waiting, false);
  if (caller) {
    accept(std::move(*caller), id);
  } else {
    metrics::count<"connects_total">(metrics::Outcome::refused);
    refuse_token(id, caller.error());
  }
  if (waited && phase_ == Phase::unconnected && !waiting()) release();
}

/// The connection's end becomes that of its token, or the one that the token names. Error: expired.
Result<void> Connection::take_expiry(const session::Caller& caller, const token::ConnectionClaims& claims) {
  const std::int64_t now = unix_seconds(worker_.services().clock.wall());
  if (!worker_.services().config.realtime.insecure) {
    const std::int64_t at = claims.expire_at.value_or(caller.claims.exp);  // 0: never
    if (claims.expire_at && at != 0 && at <= now) return Errc::expired;
    expires_at_ = static_cast<std::uint32_t>(std::min<std::int64_t>(at, 0xffffffff));
  }
  // Another issuer's token may be taken a little after its end: the client has the grace to bring the next one.
  if (expires_at_ != 0) expires_at_ = std::max(expires_at_, static_cast<std::uint32_t>(now));
  return {};
}

// A verified caller, or the nobody of insecure mode: filed under its user first, so that an ending finds it from here
// on.
void Connection::accept(session::Caller caller, std::uint32_t id) {
  auto& services = worker_.services();
  auto claims = token::read_connection_claims(caller.claims.extra_json);
  if (!claims) return refuse_token(id, claims.error());
  if (auto taken = take_expiry(caller, *claims); !taken) return reply_error(id, taken.error().code);
  file_under(caller.user_id, caller.sid);
  if (!caller.sid.empty()) services.sessions.seen(caller);
  if (limits().user_connections != 0 && !anonymous()) {
    counted_ = services.user_counts.enter(user_->id, limits().user_connections);
    if (!counted_) return close(Errc::connection_limit);
  }
  const auto uuid = crypto::random_bytes(16);
  std::memcpy(uuid_.data(), uuid.data(), uuid_.size());
  uuid_[6] = static_cast<std::uint8_t>((uuid_[6] & 0x0f) | 0x40);
  uuid_[8] = static_cast<std::uint8_t>((uuid_[8] & 0x3f) | 0x80);
  if (!claims->info.empty()) seats().conn_info = std::move(claims->info);

  pending_->joining = std::make_unique<Joining>();
  pending_->joining->id = id;
  pending_->joining->caller = std::move(caller);
  if (auto listed = list_channels(std::move(claims->subscriptions)); !listed) {
    if (listed.error().code == Errc::channel_limit) return close(Errc::channel_limit);
    log::info("error", {{"reason", info(listed.error().code).name},
                        {"detail", listed.error().detail},
                        {"user", user_->id},
                        {"ip", ip_}});
    reply_error(id, listed.error().code);
    return pending_->joining.reset();
  }
  join_channels();
}

/// The personal channel, and those that the token names.
Result<void> Connection::list_channels(std::vector<token::ServerSubscription> named) {
  const auto& namespaces = worker_.services().namespaces;
  auto& channels = pending_->joining->channels;
  const auto add = [&](std::string_view channel, const NamespaceConfig& n, token::SubscriptionClaims claims) {
    Subscribing wish = subscribing(channel, n, std::move(claims));
    wish.origin = Origin::token;
    const auto since = std::ranges::find(pending_->since, channel, &Since::first);
    if (wish.recoverable && since != pending_->since.end()) wish.since = since->second;
    channels.push_back({std::move(wish)});
  };
  const std::string personal = personal_channel(user_->id);
  if (!anonymous()) add(personal, Namespaces::personal(), {});
  for (auto& sub : named) {
    if (sub.channel == personal && !anonymous()) continue;
    if (is_personal(sub.channel)) return fail(Errc::permission_denied, "token: somebody else's personal channel");
    auto found = namespaces.find(sub.channel);
    if (!found) return fail(found.error().code, fmt::format("token: channel {:?}", sub.channel));
    add(sub.channel, **found, std::move(sub.claims));
  }
  pending_->since.clear();
  if (channels.size() > limits().channels + 1) return fail(Errc::channel_limit, "token");
  return {};
}

// What is published while the others are awaited is held back until the reply has told the client of its channels.
void Connection::join_channels() {
  auto& joining = *pending_->joining;
  pending_->waiting = true;
  joining.open = joining.channels.size();
  if (joining.open == 0) return finish_joining();
  worker_.hub().hold(*this);
  for (std::size_t i = 0, count = joining.channels.size(); i < count; ++i) {
    const Subscribing& wish = joining.channels[i].wish;
    worker_.hub().subscribe(*this, wish.channel, wish.options(),
                            [this, i](Result<hub::Subscribed> done) { joined(i, std::move(done)); });
    if (phase_ != Phase::unconnected) return;
  }
}

void Connection::joined(std::size_t index, Result<hub::Subscribed> done) {
  // A refusal of one has ended the connection.
  if (phase_ != Phase::unconnected) return;
  if (!done) {
    const Errc code = done.error().code;
    if (code == Errc::queues_full) return close(code);
    return close(code == Errc::limit_exceeded ? Errc::channel_limit : Errc::server_error);
  }
  auto& joining = *pending_->joining;
  joining.channels[index].done = std::move(*done);
  if (--joining.open == 0) finish_joining();
}

// Writes the connect reply. The session is looked at once more in this very turn: what ended while the channels were
// being subscribed must not connect.
void Connection::connected_now() {
  auto& services = worker_.services();
  if (const auto& caller = pending_->joining->caller; !caller.sid.empty()) {
    const auto standing = services.sessions.standing(caller);
    if (standing.kind == session::Standing::Kind::ended) return close(standing.reason, false);
    if (standing.kind == session::Standing::Kind::ask_store && !services.sessions.judged_lately(caller)) {
      return spawn(judge_again(worker_, id_, caller));
    }
  }
  const std::unique_ptr<Joining> joining = std::move(pending_->joining);
  phase_ = Phase::connected;
  leave_crowd();
  metrics::count<"connects_total">(metrics::Outcome::ok);
  metrics::gauge_add<"clients_connected">(1);
  auto& frame = worker_.scratch();
  frame.clear();
  ws::append_frame(frame, ws::Opcode::text, connect_reply(*joining));
  metrics::count<"messages_out_total">();
  worker_.hub().release(*this, frame);
  log::info("connection",
            {{"user", user_->id}, {"sid", sid_}, {"client", client_id()}, {"ip", ip_}, {"request", pending_->request}});
  for (const auto& [wish, done] : joining->channels) {
    if (!is_personal(wish.channel)) take_seat(wish);
  }

  // The first ping comes at a random moment of the interval's second half, so that clients that came together are not
  // pinged together.
  const auto interval = services.config.realtime.ping;
  std::uint32_t random;
  std::memcpy(&random, uuid_.data(), sizeof random);
  due_ = worker_.shard().loop().now() + interval / 2 + Duration(interval / 2) * (random & 1023) / 1024;
  arm();
  release();
}

// What the store said when the connect command came is too old by now, and the index cannot say.
Task<void> Connection::judge_again(Worker& worker, std::uint64_t id, session::Caller caller) {
  auto judged = co_await worker.services().sessions.ask_about(std::move(caller));
  auto* connection = worker.find(id);
  if (connection == nullptr || connection->phase_ != Phase::unconnected) co_return;
  if (!judged) {
    const Errc code = judged.error().code;
    co_return connection->close(info(code).close != 0 ? code : Errc::server_error, false);
  }
  connection->pending_->joining->caller.judged = judged->judged;
  connection->connected_now();
}

std::string Connection::connect_reply(const Joining& joining) {
  const auto& services = worker_.services();
  const auto client = client_id();
  protocol::ConnectResult result{.client = client, .version = services.version};
  result.expires = expires_at_ != 0;
  if (result.expires) result.ttl_seconds = ttl_seconds();
  result.ping_seconds =
      static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(services.config.realtime.ping).count());
  result.pong = true;
  std::deque<SubscribedView> views;
  std::vector<protocol::ConnectedSub> subs;
  subs.reserve(joining.channels.size());
  for (const auto& [wish, done] : joining.channels) {
    subs.push_back({wish.channel, views.emplace_back(wish, done, services.clock.wall()).result()});
  }
  result.subs = subs;
  const std::string data = grants_at_connect();
  result.data = data;
  std::string reply;
  protocol::append_reply(reply, joining.id, result);
  return reply;
}

}  // namespace gatecast::server
