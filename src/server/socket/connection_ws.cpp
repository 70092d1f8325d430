// A connection as a WebSocket client: frames in, pings, deadlines, closing.
#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "server/socket/connection.hpp"
#include "ws/deflate.hpp"
#include "ws/utf8.hpp"

namespace gatecast::server {
namespace {
// A compressed message may have this many times the bytes of one that is not.
constexpr std::size_t kInflatedTimes = 10;
}  // namespace

void Connection::take_ws(std::span<char> bytes) {
  while (phase_ != Phase::buried && !deaf_) {
    if (waiting()) {
      // Replies are in the order of their commands: the next one waits as well, and TCP holds up the peer.
      if (bytes.empty()) return;
      pending_->behind.bytes.append(bytes.data(), bytes.size());
      return set_reading(false);
    }
    auto event = decoder_.next(bytes);
    if (!event) {
      const auto& code = info(event.error().code);
      metrics::count<"refusals_total">(event.error().code);
      deaf_ = true;
      if (phase_ == Phase::closing) return;
      log::info("error", {{"reason", code.name}, {"detail", event.error().detail}, {"ip", ip_}});
      return close(event.error().code, false);
    }
    switch (event->kind) {
      case ws::Event::Kind::need_more: return;
      case ws::Event::Kind::text: event->compressed ? on_compressed(event->payload) : on_text(event->payload); break;
      case ws::Event::Kind::binary:
        metrics::count<"refusals_total">(Errc::ws_data);
        close(Errc::ws_data);
        break;
      case ws::Event::Kind::ping: {
        if (phase_ == Phase::closing) break;
        if (const auto verdict = pace(0); verdict != limits::Pace::Verdict::pass) {
          on_fast_frame(verdict);
          break;
        }
        std::string pong;
        ws::append_frame(pong, ws::Opcode::pong, event->payload);
        worker_.hub().send(*this, pong);
        break;
      }
      case ws::Event::Kind::pong:
        if (const auto verdict = pace(0); verdict != limits::Pace::Verdict::pass) on_fast_frame(verdict);
        break;
      case ws::Event::Kind::close: on_peer_close(event->close_code); return;
    }
  }
}

void Connection::on_peer_close(std::uint16_t code) {
  peer_closed_ = true;
  if (phase_ == Phase::closing) {
    // Both sides have said it: ours is queued or on the way.
    if (all_sent()) bury();
    return;
  }
  note_end(Errc::ws_normal, code, "client");
  begin_closing(code, {}, false, false);
}

void Connection::on_compressed(std::string_view payload) {
  auto message = ws::inflated(payload, limits().message_bytes * kInflatedTimes);
  if (message && !ws::valid_utf8(*message)) message = fail(Errc::ws_utf8, "inflated text");
  if (!message) {
    const auto& code = info(message.error().code);
    metrics::count<"refusals_total">(message.error().code);
    log::info("error", {{"reason", code.name}, {"detail", message.error().detail}, {"ip", ip_}});
    return close(message.error().code, false);
  }
  on_text(*message);
}

void Connection::on_text(std::string_view message) {
  if (phase_ != Phase::unconnected && phase_ != Phase::connected) return;
  auto& decoder = worker_.decoder();
  if (auto started = decoder.start(message); !started) return refuse_frame(started.error());
  take_commands();
  if (!waiting()) return;
  pending_->behind.frame = decoder.rest();
  pending_->behind.count = decoder.count();
}

// Takes the decoder's commands until one waits or ends the connection, or the frame ends.
void Connection::take_commands() {
  auto decoded = worker_.decoder().decode_rest([this](const protocol::Command& c) { return on_command(c); });
  if (!decoded && (phase_ == Phase::unconnected || phase_ == Phase::connected)) refuse_frame(decoded.error());
}

void Connection::refuse_frame(const Error& error) {
  metrics::count<"refusals_total">(Errc::bad_command);
  log::info("error", {{"reason", "bad_command"}, {"detail", error.detail}, {"ip", ip_}});
  close(Errc::bad_command);
}

// What may hold a secret goes plain: the length of a compressed text tells about its content.
void Connection::send_text(std::string_view json, bool secret) {
  auto& frame = worker_.scratch();
  frame.clear();
  if (deflates_ && !secret && json.size() >= ws::kDeflateFrom) {
    std::string payload;
    ws::append_deflated(payload, json);
    ws::append_frame(frame, ws::Opcode::text, payload, true);
  } else {
    ws::append_frame(frame, ws::Opcode::text, json);
  }
  metrics::count<"messages_out_total">();
  worker_.hub().send(*this, frame);
}

void Connection::ping() {
  send_text("{}");
  ping_out_ = true;
}

// `due_` is the end of the wait for this pong.
void Connection::note_round_trip() {
  const auto sent = due_ - worker_.services().config.realtime.pong;
  const auto us = std::chrono::floor<std::chrono::microseconds>(worker_.shard().loop().now() - sent).count();
  round_trip_us_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 1, UINT32_MAX));
}

void Connection::on_client_time() {
  const auto now = worker_.shard().loop().now();
  const auto& realtime = worker_.services().config.realtime;
  if (expires_at_ != 0 && unix_seconds(worker_.services().clock.wall()) >= expires_at_ + kExpiredGrace_s) {
    return close(Errc::token_expired);
  }
  static_cast<void>(end_expired_subscriptions());
  if (due_ <= now) {
    if (ping_out_) return close(Errc::no_pong);
    ping();
    due_ = now + realtime.pong;
  }
  arm();
}

void Connection::arm() {
  auto next = due_;
  const auto not_after = [&](std::int64_t unix_second) {
    const auto left = std::chrono::seconds(unix_second) - worker_.services().clock.wall().time_since_epoch();
    next = std::min(next, worker_.shard().loop().now() + std::max(Duration(left), Duration(0)));
  };
  if (expires_at_ != 0) not_after(expires_at_ + kExpiredGrace_s);
  if (const auto end = seats_ == nullptr ? std::nullopt : next_subscription_end()) not_after(*end);
  worker_.shard().wheel().set(*this, next);
}

}  // namespace gatecast::server
