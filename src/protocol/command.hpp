// One command of a client, decoded: the Centrifuge client protocol, version 2.
//
// Place: made by the decoders, read by the connection actor; pure data. Texts are views into the decoded frame or into
// the decoder's scratch (where the source had escapes): both stand until the decoder's next frame; `subs` until its
// next command. Zero, false and empty mean absent, as on the wire. Embedded JSON (`data`, `headers`, `tf`) is the exact
// source text and valid JSON. Bounds: those of the decoder; channel length and rights are the caller's business.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gatecast::protocol {

/// What a command asks for. `none` is a pong: `{}`, or a command without an id that is not `send`.
enum class Method : std::uint8_t {
  none,
  connect,
  subscribe,
  unsubscribe,
  publish,
  presence,
  presence_stats,
  history,
  rpc,
  send,
  refresh,
  sub_refresh,
};
inline constexpr std::size_t kMethodCount = 12;

/// The method's name on the wire; empty for `none`.
std::string_view method_name(Method method);

/// A position of a server-side subscription in `connect`: recover from here.
struct ConnectSub {
  std::string_view channel;
  bool recover = false;
  std::uint64_t offset = 0;
  std::string_view epoch;
  std::string_view delta;
};

struct Command {
  std::uint32_t id = 0;
  Method method = Method::none;
  std::string_view source;  // the command's whole text, for one that must wait: decode it again later

  std::string_view channel;  // never empty where the method needs one
  std::string_view token;    // connect, subscribe, refresh (never empty), sub_refresh
  std::string_view data;     // connect, subscribe, publish, rpc, send: embedded JSON

  // connect
  std::string_view name;
  std::string_view version;
  std::string_view headers;  // an object of texts, as JSON
  std::span<const ConnectSub> subs;

  // subscribe
  bool recover = false;
  bool positioned = false;
  bool recoverable = false;
  bool join_leave = false;
  std::string_view delta;  // empty or "fossil"
  std::string_view tf;     // the tags filter, as JSON
  std::int32_t type = 0;   // other than 0: map subscriptions and shared poll
  std::int64_t flag = 0;   // bit 1: takes numeric channel ids; bit 2: error 112 instead of `recovered:false`

  // subscribe, and `since` of history
  std::uint64_t offset = 0;
  std::string_view epoch;

  // history
  bool has_since = false;
  bool reverse = false;
  std::int32_t limit = 0;  // 0: the position only; -1: all

  // rpc
  std::string_view rpc_method;
};

/// Bits of `Command::flag`.
inline constexpr std::int64_t kFlagNumericIds = 1;
inline constexpr std::int64_t kFlagRejectUnrecovered = 2;

}  // namespace gatecast::protocol
