#include "ws/decoder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "ws/utf8.hpp"

namespace gatecast::ws {
namespace {

bool is_control(Opcode opcode) { return (static_cast<unsigned>(opcode) & 0x8u) != 0; }

std::uint8_t byte_at(std::span<const char> bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

std::uint64_t big_endian(std::span<const char> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) value = value << 8 | byte_at(bytes, i);
  return value;
}

constexpr std::size_t kMaskBytes = 4;

/// Bytes of extended length that follow a length field.
std::size_t extended_bytes(std::uint8_t length7) { return length7 == 126 ? 2u : length7 == 127 ? 8u : 0u; }

}  // namespace

struct Decoder::Header {
  Opcode opcode{};
  bool fin = false;
  bool compressed = false;
  std::uint64_t length = 0;
  std::uint32_t key = 0;
};

/// What is kept of a header, frame or message that has not ended.
struct Decoder::Partial {
  std::array<char, kMaxHeaderBytes> header_bytes{};
  std::size_t header_size = 0;

  bool in_frame = false;
  Header frame{};
  std::uint64_t received = 0;
  std::string control{};

  bool in_message = false;
  Header first{};  // the header of the message's first frame: its opcode and RSV1 are the message's
  std::uint32_t frames = 0;
  std::string message{};
  Utf8 utf8{};
};

Decoder::Decoder(const Limits& limits) : limits_(&limits) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Decoder::Partial& Decoder::keep() {
  if (!partial_) partial_ = std::make_unique<Partial>();
  return *partial_;
}

/// Gives back what the last event was kept in.
void Decoder::release() {
  if (!partial_) return;
  Partial& p = *partial_;
  if (!p.in_frame) p.control.clear();
  if (!p.in_frame && !p.in_message && p.header_size == 0) partial_.reset();
}

Error Decoder::refuse(Errc code, const char* why) {
  state_ = State::failed;
  failure_ = code;
  partial_.reset();
  return fail(code, why);
}

Result<Event> Decoder::next(std::span<char>& input) {
  release();
  if (state_ == State::failed) return fail(failure_, "after an error");
  if (state_ == State::closed) {
    partial_.reset();
    input = {};
  }
  while (!input.empty()) {
    if (!partial_ || !partial_->in_frame) {
      Header header;
      const Result<bool> complete = read_header(input, header);
      if (!complete) return complete.error();
      if (!*complete) break;
      const bool in_message = partial_ && partial_->in_message;
      if (input.size() >= header.length && (is_control(header.opcode) || (header.fin && !in_message))) {
        const auto payload = input.first(static_cast<std::size_t>(header.length));
        input = input.subspan(payload.size());
        return whole_frame(header, payload);
      }
      Partial& p = keep();
      p.in_frame = true;
      p.frame = header;
      p.received = 0;
      if (!is_control(header.opcode)) {
        if (!in_message) {
          p.first = header;
          p.frames = 0;
        }
        p.in_message = true;
        ++p.frames;
      }
    }
    Result<Event> event = torn_frame(input);
    if (!event || event->kind != Event::Kind::need_more) return event;
  }
  return Event{};
}

/// Reads a frame header from what was kept and `input`; false where it has not ended. Every rule is applied as soon as
/// the bytes it needs are there, so that a refusal does not depend on where reads end.
Result<bool> Decoder::read_header(std::span<char>& input, Header& header) {
  const bool kept = partial_ && partial_->header_size != 0;
  std::array<char, kMaxHeaderBytes> bytes{};
  std::size_t have = 0;
  if (kept) {
    have = partial_->header_size;
    bytes = partial_->header_bytes;
    partial_->header_size = 0;
  }
  const auto want = [&](std::size_t size) {
    const std::size_t take = std::min(input.size(), size > have ? size - have : 0);
    std::copy_n(input.data(), take, bytes.data() + have);
    have += take;
    input = input.subspan(take);
    return have >= size;
  };
  const auto wait = [&] {
    Partial& p = keep();
    p.header_bytes = bytes;
    p.header_size = have;
    return false;
  };

  want(1);
  const std::uint8_t first = byte_at(bytes, 0);
  header.opcode = static_cast<Opcode>(first & 0x0F);
  header.fin = (first & 0x80) != 0;
  header.compressed = (first & 0x40) != 0;
  const bool control_frame = is_control(header.opcode);
  const bool in_message = partial_ && partial_->in_message;
  const bool continuation = header.opcode == Opcode::continuation;
  if ((first & 0x30) != 0) return refuse(Errc::ws_protocol, "reserved bit RSV2 or RSV3 set");
  if (header.compressed && (!limits_->compression || control_frame || continuation)) {
    return refuse(Errc::ws_protocol, "reserved bit RSV1 set");
  }
  if (control_frame ? header.opcode > Opcode::pong : header.opcode > Opcode::binary) {
    return refuse(Errc::ws_protocol, "reserved opcode");
  }
  if (control_frame && !header.fin) return refuse(Errc::ws_protocol, "fragmented control frame");
  if (continuation && !in_message) return refuse(Errc::ws_protocol, "continuation without a message");
  if (!control_frame && !continuation && in_message) return refuse(Errc::ws_protocol, "message within a message");
  if (continuation && partial_->frames >= limits_->fragments) return refuse(Errc::ws_too_big, "too many fragments");

  if (!want(2)) return wait();
  const std::uint8_t second = byte_at(bytes, 1);
  const std::uint8_t length7 = second & 0x7F;
  if ((second & 0x80) == 0) return refuse(Errc::ws_protocol, "frame is not masked");
  if (control_frame && length7 > kMaxControlBytes) return refuse(Errc::ws_protocol, "control frame over 125 bytes");

  const std::size_t extended = extended_bytes(length7);
  if (!want(2 + extended)) return wait();
  header.length = extended == 0 ? length7 : big_endian(std::span<const char>(bytes).subspan(2, extended));
  if (extended == 2 && header.length < 126) return refuse(Errc::ws_protocol, "length not in its shortest form");
  if (extended == 8 && header.length <= 0xFFFF) return refuse(Errc::ws_protocol, "length not in its shortest form");
  if ((header.length >> 63) != 0) return refuse(Errc::ws_protocol, "length over 63 bits");
  const std::uint64_t before = in_message && !control_frame ? partial_->message.size() : 0;
  if (!control_frame &&
      header.length > limits_->message_bytes - std::min<std::uint64_t>(before, limits_->message_bytes)) {
    return refuse(Errc::ws_too_big, "message over the limit");
  }

  if (!want(2 + extended + kMaskBytes)) return wait();
  std::memcpy(&header.key, bytes.data() + 2 + extended, kMaskBytes);
  return true;
}

Result<Event> Decoder::whole_frame(const Header& header, std::span<char> payload) {
  unmask(payload, header.key, 0);
  const std::string_view view(payload.data(), payload.size());
  if (is_control(header.opcode)) return control(header, view);
  const bool text = header.opcode == Opcode::text;
  if (text && !header.compressed && !valid_utf8(view)) return refuse(Errc::ws_utf8, "text is not UTF-8");
  return Event{text ? Event::Kind::text : Event::Kind::binary, header.compressed, 0, view};
}

/// Takes what `input` has of the frame that is kept; an event where that ends a message or control frame.
Result<Event> Decoder::torn_frame(std::span<char>& input) {
  Partial& p = *partial_;
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(p.frame.length - p.received, input.size()));
  const auto piece = input.first(take);
  input = input.subspan(take);
  unmask(piece, p.frame.key, static_cast<std::size_t>(p.received));
  p.received += take;
  const std::string_view view(piece.data(), piece.size());
  if (is_control(p.frame.opcode)) {
    p.control.append(view);
  } else {
    p.message.append(view);
    if (p.first.opcode == Opcode::text && !p.first.compressed && !p.utf8.feed(view)) {
      return refuse(Errc::ws_utf8, "text is not UTF-8");
    }
  }
  if (p.received < p.frame.length) return Event{};
  p.in_frame = false;
  if (is_control(p.frame.opcode)) return control(p.frame, p.control);
  return p.frame.fin ? data_done() : Event{};
}

Result<Event> Decoder::data_done() {
  Partial& p = *partial_;
  if (!p.utf8.complete()) return refuse(Errc::ws_utf8, "text is not UTF-8");
  p.in_message = false;
  p.message.reserve(p.message.size() + kPaddingBytes);
  const bool text = p.first.opcode == Opcode::text;
  return Event{text ? Event::Kind::text : Event::Kind::binary, p.first.compressed, 0, p.message};
}

Result<Event> Decoder::control(const Header& header, std::string_view payload) {
  if (header.opcode == Opcode::ping) return Event{Event::Kind::ping, false, 0, payload};
  if (header.opcode == Opcode::pong) return Event{Event::Kind::pong, false, 0, payload};
  if (payload.size() == 1) return refuse(Errc::ws_protocol, "close frame of one byte");
  Event event{Event::Kind::close, false, kCloseNoStatus, {}};
  if (!payload.empty()) {
    event.close_code = static_cast<std::uint16_t>(big_endian(std::span(payload).first(2)));
    event.payload = payload.substr(2);
    if (!close_code_allowed(event.close_code)) return refuse(Errc::ws_protocol, "close code not allowed");
    if (!valid_utf8(event.payload)) return refuse(Errc::ws_utf8, "close reason is not UTF-8");
  }
  state_ = State::closed;
  return event;
}

}  // namespace gatecast::ws
