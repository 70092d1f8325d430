// The server's side of reading RFC 6455: bytes in, messages and control frames out.
//
// Place: between a connection's read buffer and its actor; knows no sockets. Owner: one connection; one thread.
// Works in place: a frame that lies whole in the input is unmasked there and handed out as a view, with no copy and no
// allocation. A torn frame or a fragmented message is kept in a buffer that exists only until it is handed out, so an
// idle connection pays sizeof(Decoder).
// Bounds: a frame is refused by its header, before a byte of it is kept; message and fragments by Limits. A message
// of many small pieces takes at most twice its bytes.
// Errors: ws_protocol, ws_utf8, ws_too_big; the decoder is dead after one. What follows a close frame is dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/result.hpp"
#include "ws/frame.hpp"

namespace gatecast::ws {

struct Limits {
  std::uint32_t message_bytes = 65536;  // of one message, all fragments together, as on the wire
  std::uint32_t fragments = 1024;       // frames a message; empty fragments cost time without growing it
  bool compression = false;             // RSV1 marks a compressed message (RFC 7692 §6) instead of being refused
};

struct Event {
  enum class Kind : std::uint8_t { need_more, text, binary, ping, pong, close };
  Kind kind = Kind::need_more;
  bool compressed = false;       // text is then not checked as UTF-8: who inflates it does that
  std::uint16_t close_code = 0;  // for close; kCloseNoStatus where the peer gave none
  std::string_view payload{};    // of a close: its reason
};

class Decoder {
 public:
  /// Readable bytes behind a payload that was put together here (a JSON parser reads ahead). A payload in the caller's
  /// buffer has what the caller's buffer has.
  static constexpr std::size_t kPaddingBytes = 64;

  /// `limits` outlives the decoder and is shared by all of them.
  explicit Decoder(const Limits& limits);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  /// Takes one event from the front of `input`, which shrinks and is written to. `need_more` comes with an empty input.
  /// The payload is valid until the next call; call until `need_more`, which also frees what the message was kept in.
  Result<Event> next(std::span<char>& input);

  /// Whether a frame or message has begun and not ended.
  bool partial() const { return partial_ != nullptr; }

 private:
  struct Header;
  struct Partial;

  Error refuse(Errc code, const char* why);
  Result<bool> read_header(std::span<char>& input, Header& header);
  Result<Event> whole_frame(const Header& header, std::span<char> payload);
  Result<Event> torn_frame(std::span<char>& input);
  Result<Event> data_done();
  Result<Event> control(const Header& header, std::string_view payload);
  Partial& keep();
  void release();

  std::unique_ptr<Partial> partial_;
  const Limits* limits_;
  enum class State : std::uint8_t { open, closed, failed } state_ = State::open;
  Errc failure_{};
};

static_assert(sizeof(Decoder) <= 32, "part of what an idle connection costs");

}  // namespace gatecast::ws
