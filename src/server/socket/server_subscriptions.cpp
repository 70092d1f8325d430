// What the application does to a connection by the server API: subscribes it, unsubscribes it, moves its end.
#include "core/log.hpp"
#include "protocol/json_writer.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {

void Connection::subscribe_by_api(Subscribing wish) {
  if (phase_ != Phase::connected) return;
  wish.origin = Origin::api;
  auto options = wish.options();
  const std::string channel = wish.channel;
  worker_.hub().subscribe(
      *this, channel, std::move(options),
      [this, wish = std::move(wish)](const Result<hub::Subscribed>& done) { subscribed_by_api(wish, done); });
}

void Connection::subscribed_by_api(const Subscribing& wish, const Result<hub::Subscribed>& done) {
  if (!done) {
    // Whoever is subscribed already stays so.
    if (done.error().code == Errc::already_subscribed) return;
    log::info("error", {{"reason", info(done.error().code).name},
                        {"detail", "subscribe by the server API"},
                        {"channel", wish.channel},
                        {"user", user_->id},
                        {"ip", ip_}});
    return;
  }
  const SubscribedView view(wish, *done, worker_.services().clock.wall());
  const auto& result = view.result();
  std::string push;
  protocol::append_subscribe_push(push, wish.channel,
                                  {.recoverable = result.recoverable,
                                   .positioned = result.positioned,
                                   .epoch = result.epoch,
                                   .offset = result.offset,
                                   .data = result.data});
  send_text(push);
  for (const auto& missed : done->publications) {
    auto& frame = worker_.scratch();
    frame.clear();
    form(wish.joins).encode(frame, *missed);
    worker_.hub().send(*this, frame);
  }
  tell_subscribed(wish.channel);
  take_seat(wish);
}

void Connection::unsubscribe_by_api(std::string_view channel) {
  if (phase_ != Phase::connected || !worker_.hub().subscribed(*this, channel)) return;
  const auto& code = info(Errc::unsubscribed);
  end_subscription(channel, code.unsub, code.message);
}

void Connection::refresh_by_api(std::uint32_t expires_at) {
  if (phase_ != Phase::connected) return;
  expires_at_ = expires_at;
  std::string push;
  protocol::append_refresh_push(push, expires_at != 0, expires_at != 0 ? ttl_seconds() : 0);
  send_text(push);
  arm();
}

}  // namespace gatecast::server
