#include "server/socket/connection.hpp"

#include <sys/epoll.h>

#include "core/log.hpp"
#include "crypto/random.hpp"
#include "metrics/registry.hpp"
#include "protocol/json_writer.hpp"
#include "server/routes/forms.hpp"

namespace gatecast::server {

Connection::Connection(Worker& worker, std::uint64_t id, net::Stream stream, std::string ip, Port port)
    : worker_(worker),
      id_(id),
      stream_(std::move(stream)),
      decoder_(worker.ws_limits(false)),
      http_(std::make_unique<Http>(http::Limits{
          worker.services().config.http.header_bytes,
          port == Port::public_ ? worker.services().config.http.body_bytes : worker.services().config.api.body_bytes})),
      ip_(ip),
      opened_at_(static_cast<std::uint32_t>(unix_seconds(worker.services().clock.wall()))),
      port_(port) {
  metrics::count<"connections_total">();
  metrics::gauge_add<"connections_open">(1);
}

Connection::~Connection() {
  unfile();
  worker_.hub().forget(*this);
  metrics::gauge_add<"connections_open">(-1);
}

const LimitsConfig& Connection::limits() const { return worker_.services().config.limits; }

void Connection::open() {
  if (!worker_.shard().loop().watch(stream_.fd(), EPOLLIN, this)) return bury();
  deadline_in(limits().header_time);
}

void Connection::deadline_in(Duration d) { worker_.shard().wheel().set(*this, worker_.shard().loop().now() + d); }

void Connection::watch() {
  if (phase_ == Phase::buried) return;
  const bool writing = writing_ || (stream_.tls() != nullptr && stream_.tls()->wants_write());
  const std::uint32_t events = (reading_ ? std::uint32_t{EPOLLIN} : 0) | (writing ? std::uint32_t{EPOLLOUT} : 0);
  worker_.shard().loop().change(stream_.fd(), events, this);
}

void Connection::set_reading(bool on) {
  if (reading_ == on) return;
  reading_ = on;
  watch();
}

void Connection::want_writable(bool on) {
  writing_ = on;
  watch();
}

void Connection::on_ready(std::uint32_t events) {
  worker_.shard().check().assert_here();
  if (phase_ == Phase::buried) return;
  if (stream_.tls() != nullptr) [[unlikely]]
    return on_ready_tls(events);
  if ((events & EPOLLOUT) != 0) worker_.hub().writable(*this);
  if (phase_ != Phase::buried && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
}

/// Whether bytes came.
bool Connection::read() {
  // One buffer's worth a turn: the others' bytes and control mail come before this client's next.
  const auto n = stream_.read(worker_.read_buffer());
  if (n == -1) return false;
  if (n == 0) return on_end(), false;
  if (n < 0) return on_broken(), false;
  metrics::add<"bytes_in_total">(static_cast<std::uint64_t>(n));
  bytes_in_ += static_cast<std::uint64_t>(n);
  take(worker_.read_buffer().first(static_cast<std::size_t>(n)));
  return true;
}

// The peer has finished sending. A WebSocket is over then; an HTTP peer may still wait for its answer (RFC 9112 §9.6).
void Connection::on_end() {
  if (phase_ != Phase::http) return on_broken();
  if (!http_->answering && all_sent()) return bury();
  http_->ended = true;
  set_reading(false);
  if (!http_->answering) end_http();
}

void Connection::take(std::span<char> bytes) {
  if (http_ == nullptr) return take_ws(bytes);
  if (!http_->last) take_http({bytes.data(), bytes.size()});
}

void Connection::bury() {
  if (phase_ == Phase::buried) return;
  if (phase_ == Phase::connected) metrics::gauge_add<"clients_connected">(-1);
  unfile();
  worker_.hub().forget(*this);
  leave_all_seats();
  leave_crowd();
  worker_.shard().loop().unwatch(stream_.fd());
  phase_ = Phase::buried;
  forget();
  worker_.bury(*this);
}

void Connection::on_broken() {
  if (phase_ == Phase::unconnected || phase_ == Phase::connected) note_end(Errc::write_error, 0, "gone");
  bury();
}

void Connection::on_slow() {
  metrics::count<"slow_consumers_total">();
  log::info("limited", {{"reason", info(Errc::slow).name},
                        {"queued", static_cast<std::uint64_t>(worker_.hub().queued_bytes(*this))},
                        {"user", user_id()},
                        {"sid", sid_},
                        {"ip", ip_}});
  if (phase_ == Phase::http || phase_ == Phase::closing) return bury();
  const auto& slow = info(Errc::slow);
  note_end(Errc::slow, slow.close, slow.name);
  begin_closing(slow.close, slow.message, false, false);
}

void Connection::on_drained() {
  if (peer_closed_ || (http_ != nullptr && http_->ended)) return bury();
  if (http_ == nullptr && !deaf_) return;
  // The answer that ends the connection, or the close frame to a peer whose own could not be read: our half is closed,
  // and what comes is read and thrown away until the peer closes too, since a close with unread bytes would reset what
  // it has not read yet.
  if (phase_ == Phase::http) {
    phase_ = Phase::closing;
    deadline_in(kCloseWait);
  }
  finish();
}

void Connection::on_gap(std::string_view channel) {
  const auto& code = info(Errc::insufficient_state);
  const Seat* seat = seats_ == nullptr ? nullptr : seats_->find(channel);
  // What the client did not subscribe to it cannot subscribe to again: it connects anew.
  if (is_personal(channel) || (seat != nullptr && by_server(*seat))) return close(Errc::insufficient_state);
  end_subscription(channel, code.unsub, code.message);
}

const hub::Form& Connection::form(bool joins) const { return json_over_websocket(joins, deflates_); }

void Connection::on_time() {
  switch (phase_) {
    case Phase::http:
      if (http_->last) break;
      if (http_->answering) return;
      if (http_->parser.started()) {
        const auto request = id_so_far();
        log::info("limited", {{"reason", info(Errc::request_timeout).name}, {"ip", ip_}, {"request", request}});
        return refuse_http(Errc::request_timeout, request);
      }
      // A connection that is kept alive ends in silence, one that never asked or does not take its answers is noted.
      if (queued_bytes() > 0) {
        cut(Errc::slow);
      } else if (!http_->asked) {
        cut(Errc::request_timeout);
      }
      return bury();
    case Phase::unconnected: return close(Errc::stale);
    case Phase::connected: return on_client_time();
    case Phase::closing: break;
    case Phase::buried: return;
  }
  cut(Errc::write_error);
  stream_.abort_on_close();
  bury();
}

// A user's ending closes thousands at once with the same bytes: those of the last closing are kept.
hub::Slice Connection::closing_frames(std::uint16_t code, std::string_view reason, bool push) {
  struct Last {
    std::uint16_t code = 0;
    bool push = false;
    std::string reason;
    hub::Slice frames;
  };
  static thread_local Last last;
  if (last.code == code && last.push == push && last.reason == reason) return last.frames;
  std::string frames;
  if (push) {
    std::string text;
    protocol::append_disconnect_push(text, code, reason);
    ws::append_frame(frames, ws::Opcode::text, text);
  }
  ws::append_close(frames, code, reason);
  last = {code, push, std::string(reason), hub::whole(hub::BlockRef::copy(frames))};
  return last.frames;
}

void Connection::begin_closing(std::uint16_t code, std::string_view reason, bool keep, bool push) {
  if (phase_ == Phase::closing || phase_ == Phase::buried) return;
  const bool told_of_channels = phase_ == Phase::connected;
  if (told_of_channels) metrics::gauge_add<"clients_connected">(-1);
  phase_ = Phase::closing;
  unfile();
  worker_.hub().mute(*this, keep && told_of_channels);
  leave_all_seats();
  if (!keep) worker_.hub().drop_queue(*this);
  if (push) metrics::count<"messages_out_total">();
  worker_.hub().send(*this, closing_frames(code, reason, push));
  pending_.reset();
  set_reading(true);
  deadline_in(kCloseWait);
}

void Connection::note_end(Errc counted, std::uint16_t code, std::string_view reason) {
  metrics::count<"disconnects_total">(counted);
  const bool was_connected = phase_ == Phase::connected;
  const std::string name = was_connected ? client_id() : pending_ != nullptr ? pending_->request : std::string();
  log::info("disconnection", {{"code", code},
                              {"reason", reason},
                              {"ip", ip_},
                              {"user", user_id()},
                              {"sid", sid_},
                              {was_connected ? "client" : "request", name}});
  if (!was_connected) return;
  const WallTime now = worker_.services().clock.wall();
  worker_.closed().note({.client = client_id(),
                         .user = std::string(user_id()),
                         .session = std::string(sid_),
                         .ip = std::string(ip_),
                         .reason = counted,
                         .code = code,
                         .at = now,
                         .age_s = std::max<std::int64_t>(unix_seconds(now) - opened_at_, 0),
                         .bytes_in = bytes_in_,
                         .bytes_out = bytes_out(),
                         .messages_in = messages_in_});
}

void Connection::close(std::uint16_t code, std::string_view reason, bool keep) {
  if (phase_ != Phase::unconnected && phase_ != Phase::connected) return;
  note_end(Errc::force_disconnect, code, reason);
  begin_closing(code, reason, keep, code >= 3000);
}

void Connection::close(Errc code, bool keep) {
  if (phase_ != Phase::unconnected && phase_ != Phase::connected) return;
  const auto& i = info(code);
  note_end(code, i.close, i.name);
  begin_closing(i.close, i.message, keep, i.close >= 3000);
}

void Connection::mute_ended() { worker_.hub().mute(*this, false); }

void Connection::close_ended(Errc reason) { close(reason, false); }

void Connection::leave() {
  if (client()) return close(Errc::shutdown);
  // One that is being answered, or has begun a request or its handshake, ends with the answer.
  const auto idle = [this] {
    const bool begun = stream_.tls() == nullptr || stream_.tls()->established();
    return phase_ == Phase::http && !client() && begun && !http_->answering && http_->ahead.empty() &&
           !http_->parser.started();
  };
  if (!idle()) return;
  static_cast<void>(read());
  if (!idle()) return;
  // Softly: what it may be sending just now is not met by a reset.
  end_http();
  if (all_sent()) on_drained();
}

void Connection::unfile() {
  if (user_ == nullptr) return;
  (user_prev_ != nullptr ? user_prev_->user_next_ : user_->first) = user_next_;
  if (user_next_ != nullptr) user_next_->user_prev_ = user_prev_;
  user_next_ = user_prev_ = nullptr;
  --user_->connections;
  if (std::exchange(counted_, false)) worker_.services().user_counts.leave(user_->id);
  if (user_->connections == 0 && user_->debt != nullptr) {
    worker_.services().debtors.leave(user_->id, worker_.shard().loop().now());
    user_->debt = nullptr;
  }
  worker_.users().drop_if_unused(*user_);
  user_ = nullptr;
}

std::string Connection::client_id() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < uuid_.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[uuid_[i] >> 4];
    text += kHex[uuid_[i] & 15];
  }
  return text;
}

}  // namespace gatecast::server
