#include "app/live_session.hpp"

#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"

namespace gatecast::app {
namespace {

using server::JsonIn;
using std::chrono::milliseconds;

SteadyTime in(milliseconds time) { return SystemClock{}.steady() + time; }
milliseconds left_until(SteadyTime until) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(until - SystemClock{}.steady()));
}
std::int64_t number(const JsonIn& object, std::string_view name) {
  return object.optional_integer(name).value_or(std::nullopt).value_or(0);
}

}  // namespace

void LiveSession::note_end(const Frame& frame) {
  if (code_ != 0 || frame.kind != Frame::Kind::close) return;
  code_ = frame.code;
  reason_ = frame.text;
}

/// The next message; pings are answered here and given as such.
Result<LiveSession::Message> LiveSession::next(SteadyTime until) {
  while (lines_.empty()) {
    const auto frame = socket_.receive(left_until(until));
    if (frame.kind == Frame::Kind::none) return fail(Errc::outbound_failed, "no answer in time");
    if (frame.kind != Frame::Kind::text) {
      note_end(frame);
      if (code_ == 0) return fail(Errc::outbound_failed, "the connection was cut");
      return fail(Errc::outbound_failed, fmt::format("closed with {}: {}", code_, reason_));
    }
    for (std::size_t at = 0; at <= frame.text.size();) {
      const auto end = std::min(frame.text.find('\n', at), frame.text.size());
      if (end > at) lines_.push_back(frame.text.substr(at, end - at));
      at = end + 1;
    }
  }
  Message message{.text = std::move(lines_.front())};
  lines_.pop_front();
  if (message.text == "{}") {
    message.ping = true;
    if (auto answered = socket_.send("{}"); !answered) return answered.error();
    return message;
  }
  const auto object = JsonIn::parse(message.text);
  if (!object) return fail(Errc::outbound_failed, "what came is not the client protocol");
  message.id = number(*object, "id");
  if (message.id != 0) return message;
  const auto push = object->optional_object("push");
  const auto disconnect = push ? push->optional_object("disconnect") : push;
  if (disconnect && push->has("disconnect")) {
    note_end({.kind = Frame::Kind::close,
              .text = disconnect->optional_text("reason").value_or(""),
              .code = static_cast<unsigned>(number(*disconnect, "code"))});
  }
  return message;
}

Result<std::string> LiveSession::ask(std::string_view name, std::string_view params, milliseconds time) {
  const auto until = in(time);
  const auto id = ++last_id_;
  if (auto sent = socket_.send(server::JsonOut().number("id", id).raw(name, params).done()); !sent) return sent.error();
  for (;;) {
    auto message = next(until);
    if (!message) return message.error();
    if (message->ping) continue;
    if (message->id != id) {
      if (pushes_.size() < kPushesMax) pushes_.push_back(std::move(message->text));
      continue;
    }
    const auto reply = JsonIn::parse(message->text);
    if (!reply) return fail(Errc::outbound_failed, "what came is not the client protocol");
    if (reply->has("error")) {
      const auto error = reply->optional_object("error");
      if (!error) return fail(Errc::bad_request, "error");
      return fail(Errc::bad_request,
                  fmt::format("error {}: {}", number(*error, "code"), error->optional_text("message").value_or("")));
    }
    return std::string(reply->raw(name));
  }
}

Result<std::string> LiveSession::publication(std::string_view channel, milliseconds time) {
  const auto until = in(time);
  for (;;) {
    std::string text;
    if (!pushes_.empty()) {
      text = std::move(pushes_.front());
      pushes_.pop_front();
    } else {
      auto message = next(until);
      if (!message) return message.error();
      if (message->ping) continue;
      text = std::move(message->text);
    }
    const auto object = JsonIn::parse(text);
    const auto push = object ? object->optional_object("push") : object;
    if (!push || push->optional_text("channel").value_or("") != channel || !push->has("pub")) continue;
    const auto publication = push->optional_object("pub");
    if (publication) return std::string(publication->raw("data"));
  }
}

Result<void> LiveSession::ping(milliseconds time) {
  const auto until = in(time);
  for (;;) {
    auto message = next(until);
    if (!message) return message.error();
    if (message->ping) return {};
  }
}

Result<unsigned> LiveSession::end(milliseconds time) {
  const auto until = in(time);
  while (code_ == 0) {
    const auto message = next(until);
    if (!message && code_ == 0) return message.error();
  }
  return code_;
}

}  // namespace gatecast::app
