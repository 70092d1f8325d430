// The commands of a client that are about a channel. The rules are those of the Centrifuge client protocol, version 2.
#include "access/grants.hpp"
#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "protocol/json_check.hpp"
#include "protocol/json_writer.hpp"
#include "server/json/publication_views.hpp"
#include "server/socket/connection.hpp"
#include "token/subscription_token.hpp"

namespace gatecast::server {

Asker Connection::asker(std::string_view channel) const {
  return {user_->id, worker_.hub().subscribed(*this, channel)};
}

void Connection::wait() {
  if (pending_ == nullptr) pending_ = std::make_unique<Pending>();
  pending_->waiting = true;
}

Seats& Connection::seats() {
  if (seats_ == nullptr) seats_ = std::make_unique<Seats>();
  return *seats_;
}

// The token decides alone; one that is for somebody or something else is an attempt, not a mistake.
Result<std::optional<token::SubscriptionToken>> Connection::subscription_token(const protocol::Command& command) {
  using Answer = Result<std::optional<token::SubscriptionToken>>;
  if (command.token.empty()) return Answer(std::nullopt);
  auto read = worker_.services().sessions.subscription(command.token, sid_);
  if (!read) return read.error();
  if (read->channel != command.channel || read->user != user_->id || (read->client && *read->client != client_id())) {
    return fail(Errc::token_foreign, "subscription token");
  }
  return Answer(std::move(*read));
}

void Connection::refuse_subscription(const protocol::Command& command, const Error& error) {
  log::info("error", {{"reason", info(error.code).name},
                      {"detail", error.detail},
                      {"channel", command.channel},
                      {"user", user_->id},
                      {"ip", ip_}});
  if (error.code == Errc::token_foreign) return close(Errc::token_foreign);
  if (error.code == Errc::token_not_yet_valid) return reply_error(command.id, Errc::token_expired);
  const auto& code = info(error.code);
  // Whatever else is wrong with a subscription token, the protocol has one answer to it.
  const bool of_token = code.need_new_token && error.code != Errc::token_expired;
  reply_error(command.id, of_token ? Errc::permission_denied : error.code);
}

void Connection::on_subscribe(const protocol::Command& command) {
  const auto& namespaces = worker_.services().namespaces;
  if (command.type != 0) return reply_error(command.id, Errc::not_available);
  const Asker who = asker(command.channel);
  if (who.subscribed) return reply_error(command.id, Errc::already_subscribed);
  auto token = subscription_token(command);
  if (!token) return refuse_subscription(command, token.error());
  auto found =
      *token ? namespaces.may_subscribe_by_token(command.channel) : namespaces.may_subscribe(command.channel, who);
  if (!found) return refuse_subscription(command, found.error());
  const NamespaceConfig& n = **found;

  Subscribing wish =
      subscribing(command.channel, n, *token ? std::move((*token)->claims) : token::SubscriptionClaims{});
  wish.id = command.id;
  wish.recoverable = wish.recoverable || (wish.keeps && command.recoverable && namespaces.may_recover(n, who));
  wish.positioned =
      wish.positioned || wish.recoverable || (wish.keeps && command.positioned && namespaces.may_position(n, who));
  wish.joins = wish.joins || (wish.told && command.join_leave);
  if (command.recover && wish.recoverable) wish.since = {command.offset, broker::epoch_asked(command.epoch)};
  wish.reject_unrecovered = (command.flag & protocol::kFlagRejectUnrecovered) != 0;
  if (*token) wish.expires = (*token)->expires.value_or(0);
  if (auto taken = take_forms(wish, n, command); !taken) return refuse_subscription(command, taken.error());
  if (!*token) {
    if (auto grant = grant_asked(n, command.channel)) {
      wish.granted = true;
      wish.grant = std::move(*grant);
    }
  }
  wait();
  begin_subscribe(std::move(wish));
}

void Connection::subscribed(Subscribing wish, Result<hub::Subscribed> done) {
  if (done && wish.since && !done->recovered && wish.reject_unrecovered) {
    worker_.hub().unsubscribe(*this, wish.channel);
    done = Errc::unrecoverable_position;
  }
  if (const auto verdict = done && wish.granted ? judge_grant(wish.grant) : access::Verdict::held;
      verdict != access::Verdict::held) {
    worker_.hub().unsubscribe(*this, wish.channel);
    if (verdict == access::Verdict::unread) return subscribe_after_reading(std::move(wish));
    done = Errc::grant_missing;
  }
  if (!done) {
    const Errc code = done.error().code;
    if (code == Errc::limit_exceeded || code == Errc::queues_full) tell_limit(code);
    reply_error(wish.id, code);
    return release();
  }
  reply_subscribed(wish, *done);
  take_seat(wish);
  tell_subscribed(wish.channel);
  release();
}

void Connection::tell_subscribed(std::string_view channel) const {
  log::info("subscribe", {{"channel", channel}, {"user", user_id()}, {"client", client_id()}, {"ip", ip_}});
}

/// `code` 0: the client wanted it.
void Connection::tell_unsubscribed(std::string_view channel, std::uint32_t code) const {
  log::info("unsubscribe",
            {{"channel", channel}, {"code", code}, {"user", user_id()}, {"client", client_id()}, {"ip", ip_}});
}

void Connection::reply_subscribed(const Subscribing& wish, const hub::Subscribed& done) {
  const SubscribedView view(wish, done, worker_.services().clock.wall());
  std::string reply;
  protocol::append_reply(reply, wish.id, view.result());
  send_text(reply, false);
}

// Others are told after the subscriber has its reply, so that it sees itself come.
void Connection::take_seat(const Subscribing& wish) {
  const bool plain = !wish.listed && !wish.told && wish.expires == 0 && wish.chan_info.empty() && !wish.granted;
  if (plain && wish.origin == Origin::client) return;
  Seat seat{.channel = wish.channel, .expires_at = static_cast<std::uint32_t>(wish.expires), .origin = wish.origin};
  seat.grant = CompactText(wish.grant);
  seat.listed = wish.listed;
  seat.told = wish.told;
  seat.who = std::make_shared<const broker::ClientInfo>(
      broker::ClientInfo{user_->id.text(), client_id(), seats().conn_info, wish.chan_info});
  if (seat.listed || seat.told) worker_.hub().enter(seat.channel, seat.who, seat.listed, seat.told);
  seats().all.push_back(std::move(seat));
  if (wish.expires != 0) arm();
}

void Connection::leave_seat(std::string_view channel) {
  Seat* seat = seats_ == nullptr ? nullptr : seats_->find(channel);
  if (seat == nullptr) return;
  if (seat->listed || seat->told) worker_.hub().leave(seat->channel, seat->who, seat->listed, seat->told);
  std::swap(*seat, seats_->all.back());
  seats_->all.pop_back();
}

void Connection::leave_all_seats() {
  if (seats_ == nullptr) return;
  for (const auto& seat : seats_->all) {
    if (seat.listed || seat.told) worker_.hub().leave(seat.channel, seat.who, seat.listed, seat.told);
  }
  seats_.reset();
}

void Connection::end_subscription(std::string_view channel, std::uint32_t code, std::string_view reason) {
  const std::string name(channel);
  worker_.hub().unsubscribe(*this, name);
  leave_seat(name);
  tell_unsubscribed(name, code);
  std::string push;
  protocol::append_unsubscribe_push(push, name, code, reason);
  send_text(push);
}

void Connection::on_unsubscribe(const protocol::Command& command) {
  if (is_personal(command.channel)) return reply_error(command.id, Errc::permission_denied);
  if (worker_.hub().subscribed(*this, command.channel)) tell_unsubscribed(command.channel, 0);
  worker_.hub().unsubscribe(*this, command.channel);
  leave_seat(command.channel);
  std::string reply;
  protocol::append_reply(reply, command.id, protocol::UnsubscribeResult{});
  send_text(reply);
}

void Connection::on_publish(const protocol::Command& command) {
  auto found = worker_.services().namespaces.may_publish(command.channel, asker(command.channel));
  if (!found) return reply_error(command.id, found.error().code);
  if (command.data.empty()) return reply_error(command.id, Errc::bad_request);
  if (protocol::has_top_level_member(command.data, "gatecast")) return reply_error(command.id, Errc::reserved_data);
  auto publication = std::make_shared<broker::Publication>();
  publication->channel = command.channel;
  std::string scratch;
  publication->data = protocol::compact_newlines(command.data, scratch);
  publication->delta = (**found).delta_publish;
  publication->user = user_->id;
  publication->client = client_id();
  if (seats_ != nullptr) {
    publication->conn_info = seats_->conn_info;
    if (const Seat* seat = seats_->find(command.channel)) publication->chan_info = seat->who->chan_info;
  }
  const auto history = history_of(**found);
  if (auto& hub = worker_.hub(); (**found).grant.empty() && hub.is_home(command.channel)) {
    const auto position = hub.publish_here(std::move(publication), history);
    if (!position) return reply_error(command.id, position.error().code);
    std::string reply;
    protocol::append_reply(reply, command.id, protocol::PublishResult{});
    return send_text(reply, false);
  }
  broker::PublishOptions options{.history = history, .durable = (**found).durable};
  if_granted(command, **found,
             [id = command.id, p = std::move(publication), o = std::move(options)](Connection& c) mutable {
               spawn(publish(c.worker_, c.id_, id, std::move(p), std::move(o)));
             });
}

Task<void> Connection::publish(Worker& worker, std::uint64_t id, std::uint32_t command,
                               std::shared_ptr<broker::Publication> publication, broker::PublishOptions options) {
  auto position = co_await worker.hub().publish(std::move(publication), std::move(options));
  answer<protocol::PublishResult>(worker, id, command,
                                  position ? Result<protocol::PublishResult>(protocol::PublishResult{})
                                           : Result<protocol::PublishResult>(position.error()));
}

template <class T>
void Connection::answer(Worker& worker, std::uint64_t id, std::uint32_t command, const Result<T>& result) {
  auto* connection = worker.find(id);
  if (connection == nullptr || connection->phase_ != Phase::connected) return;
  if (result) {
    std::string reply;
    protocol::append_reply(reply, command, *result);
    connection->send_text(reply, false);
  } else {
    connection->reply_error(command, result.error().code);
  }
  connection->release();
}

void Connection::on_presence(const protocol::Command& command) {
  auto found = worker_.services().namespaces.may_see_presence(command.channel, asker(command.channel));
  if (!found) return reply_error(command.id, found.error().code);
  if (worker_.hub().queues_full()) return reply_error(command.id, Errc::queues_full);
  const bool all = command.method == protocol::Method::presence;
  if_granted(command, **found, [id = command.id, all, channel = std::string(command.channel)](Connection& c) mutable {
    spawn(all ? presence(c.worker_, c.id_, id, std::move(channel))
              : presence_stats(c.worker_, c.id_, id, std::move(channel)));
  });
}

Task<void> Connection::presence(Worker& worker, std::uint64_t id, std::uint32_t command, std::string channel) {
  const std::size_t most = worker.services().config.limits.presence_clients;
  const auto all = co_await worker.hub().presence(std::move(channel), most);
  if (!all) co_return answer<protocol::PresenceResult>(worker, id, command, all.error());
  const auto views = presence_views(*all);
  answer<protocol::PresenceResult>(worker, id, command, protocol::PresenceResult{views});
}

Task<void> Connection::presence_stats(Worker& worker, std::uint64_t id, std::uint32_t command, std::string channel) {
  const auto count = co_await worker.hub().presence_count(std::move(channel));
  using Stats = protocol::PresenceStatsResult;
  answer<Stats>(worker, id, command, count ? Result<Stats>(Stats{count->clients, count->users}) : count.error());
}

void Connection::on_history(const protocol::Command& command) {
  auto found = worker_.services().namespaces.may_read_history(command.channel, asker(command.channel));
  if (!found) return reply_error(command.id, found.error().code);
  if (worker_.hub().queues_full()) return reply_error(command.id, Errc::queues_full);
  broker::HistoryQuery query{.limit = command.limit, .reverse = command.reverse};
  if (command.has_since) query.since = {command.offset, broker::epoch_asked(command.epoch)};
  if_granted(command, **found, [id = command.id, query, channel = std::string(command.channel)](Connection& c) mutable {
    spawn(history(c.worker_, c.id_, id, std::move(channel), query));
  });
}

Task<void> Connection::history(Worker& worker, std::uint64_t id, std::uint32_t command, std::string channel,
                               broker::HistoryQuery query) {
  const auto page = co_await worker.hub().history(std::move(channel), query);
  if (!page) {
    answer<protocol::HistoryResult>(worker, id, command, page.error());
    co_return;
  }
  const PublicationViews views(page->publications);
  const std::string epoch = broker::epoch_text(page->top.epoch);
  answer<protocol::HistoryResult>(worker, id, command, protocol::HistoryResult{views.views(), epoch, page->top.offset});
}

void Connection::on_sub_refresh(const protocol::Command& command) {
  Seat* seat = seats_ == nullptr ? nullptr : seats_->find(command.channel);
  if (seat == nullptr || seat->expires_at == 0) {
    // A subscription without a token has none to renew; an unknown one is no subscription.
    return reply_error(command.id, Errc::permission_denied);
  }
  if (command.token.empty()) return reply_error(command.id, Errc::bad_request);
  auto token = subscription_token(command);
  if (!token) {
    const bool late = token.error().code == Errc::token_expired;
    return close(late ? Errc::subscription_expired : Errc::token_foreign);
  }
  seat->expires_at = static_cast<std::uint32_t>((*token)->expires.value_or(0));
  protocol::SubRefreshResult result;
  if (seat->expires_at != 0) {
    result = {.expires = true, .ttl_seconds = seconds_until(seat->expires_at, worker_.services().clock.wall())};
  }
  std::string reply;
  protocol::append_reply(reply, command.id, result);
  send_text(reply);
  arm();
}

std::optional<std::int64_t> Connection::next_subscription_end() const {
  std::optional<std::int64_t> next;
  for (const auto& seat : seats_->all) {
    if (seat.expires_at != 0) next = std::min(next.value_or(INT64_MAX), seat.expires_at + kExpiredGrace_s);
  }
  return next;
}

// Subscriptions whose token ended and was not renewed in time.
void Connection::end_expired_subscriptions() {
  if (seats_ == nullptr) return;
  const std::int64_t now = unix_seconds(worker_.services().clock.wall());
  std::vector<std::string> late;
  for (const auto& seat : seats_->all) {
    if (seat.expires_at == 0 || seat.expires_at + kExpiredGrace_s > now) continue;
    if (by_server(seat)) return close(Errc::subscription_expired);
    late.push_back(seat.channel);
  }
  const auto& code = info(Errc::subscription_expired);
  for (const auto& channel : late) end_subscription(channel, code.unsub, code.message);
}

}  // namespace gatecast::server
