// For tests and fuzzers: what a decoder makes of bytes that arrive in given pieces, as lines of text; and frames as a
// client writes them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ws/decoder.hpp"
#include "ws/deflate.hpp"
#include "ws/utf8.hpp"

namespace gatecast::ws {

inline std::string shown(std::string_view bytes) {
  constexpr std::size_t kShown = 80;
  if (bytes.size() > kShown) return fmt::format("{} bytes, {}", bytes.size(), shown(bytes.substr(bytes.size() - 4)));
  std::string out = "\"";
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (u < 0x20 || u >= 0x7F) {
      out += fmt::format("\\x{:02x}", u);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

inline std::string describe(const Event& event) {
  const std::string compressed = event.compressed ? " compressed" : "";
  switch (event.kind) {
    case Event::Kind::need_more: return "need_more";
    case Event::Kind::text: return "text" + compressed + " " + shown(event.payload);
    case Event::Kind::binary: return "binary" + compressed + " " + shown(event.payload);
    case Event::Kind::ping: return "ping " + shown(event.payload);
    case Event::Kind::pong: return "pong " + shown(event.payload);
    case Event::Kind::close: return fmt::format("close {} {}", event.close_code, shown(event.payload));
  }
  return "?";
}

/// Feeds `bytes` in pieces that end at `cuts` (rising). Each piece lies in a buffer of exactly its size, so that the
/// address sanitizer sees a read past it, and is overwritten after use, so that a kept view shows. The last line is
/// `partial` where a frame or message has not ended. With `inflate` compressed messages are inflated to at most so many
/// bytes, and judged, as the server does.
inline std::vector<std::string> transcript(std::string_view bytes, const std::vector<std::size_t>& cuts,
                                           const Limits& limits, std::optional<std::size_t> inflate = {}) {
  std::vector<std::string> out;
  Decoder decoder(limits);
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? std::min(cuts[i], bytes.size()) : bytes.size();
    if (end < begin) continue;
    std::vector<char> piece(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                            bytes.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
    std::span<char> input(piece);
    for (;;) {
      const Result<Event> event = decoder.next(input);
      if (!event) {
        out.push_back(fmt::format("error {}: {}", info(event.error().code).name, event.error().detail));
        return out;
      }
      if (event->kind == Event::Kind::need_more) break;
      if (!event->compressed || !inflate) {
        out.push_back(describe(*event));
        continue;
      }
      auto message = inflated(event->payload, *inflate);
      const bool text = event->kind == Event::Kind::text;
      if (message && text && !valid_utf8(*message)) message = fail(Errc::ws_utf8, "inflated text");
      if (!message) {
        out.push_back(fmt::format("error {}: {}", info(message.error().code).name, message.error().detail));
        return out;
      }
      out.push_back((text ? "text inflated " : "binary inflated ") + shown(*message));
    }
    std::ranges::fill(piece, '\xEE');
  }
  if (decoder.partial()) out.push_back("partial");
  return out;
}

/// A frame as a client sends it: `first` is FIN, RSV and opcode.
inline std::string client_frame(unsigned char first, std::string_view payload, std::uint32_t key = 0x3d21fa37) {
  std::string out(1, static_cast<char>(first));
  const auto append = [&out](std::uint64_t value, int bytes) {
    while (bytes-- > 0) out.push_back(static_cast<char>(value >> (8 * bytes)));
  };
  if (payload.size() < 126) {
    append(0x80 | payload.size(), 1);
  } else if (payload.size() <= 0xFFFF) {
    append(0xFE, 1);
    append(payload.size(), 2);
  } else {
    append(0xFF, 1);
    append(payload.size(), 8);
  }
  char bytes[4];
  std::memcpy(bytes, &key, sizeof bytes);
  out.append(bytes, sizeof bytes);
  for (std::size_t i = 0; i < payload.size(); ++i) out.push_back(static_cast<char>(payload[i] ^ bytes[i % 4]));
  return out;
}

}  // namespace gatecast::ws
