// Decodes one text message of a client: JSON commands, one after another, a line feed between two.
//
// Place: the connection actor gives it what a WebSocket message, an HTTP stream's body or an emulation request carried.
// Owner: a shard; one decoder per thread, used for one frame at a time, not from within its own callback. No memory is
// allocated per command: views go into the frame, texts with escapes into a scratch that is kept. The frame must stand
// as long as the commands are used; nothing behind its end is read.
// Bounds: kMaxCommandsPerFrame; embedded values nest at most kMaxJsonDepth deep; bytes are bounded by the transport.
// Errors: always Errc::bad_command, with the reason as detail. What was handed out before the error stands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "protocol/command.hpp"

namespace gatecast::protocol {

/// SDKs send connect and all their subscribes in one frame, and applications batch; without a bound 64 KB of `{}` are
/// 21,000 turns of work.
inline constexpr std::size_t kMaxCommandsPerFrame = 1024;

class JsonScan;

class JsonDecoder {
 public:
  explicit JsonDecoder(std::size_t max_commands = kMaxCommandsPerFrame) : max_commands_(max_commands) {}

  /// Begins a frame: checks that it is UTF-8 and not empty.
  Result<void> start(std::string_view frame);
  /// The frame's next command, or false after the last. After an error the frame is over.
  Result<bool> next(Command& command);
  /// What is behind the last command, and the commands before it. Kept, it is where `go_on` begins after other frames.
  std::string_view rest() const { return rest_; }
  std::size_t count() const { return count_; }
  void go_on(std::string_view rest, std::size_t count);

  /// Calls `on_command(const Command&)` for each; one that returns false ends the frame early, without an error.
  template <class F>
  Result<void> decode(std::string_view frame, F&& on_command) {
    if (auto started = start(frame); !started) return started;
    return decode_rest(std::forward<F>(on_command));
  }
  /// The same from where the frame was left.
  template <class F>
  Result<void> decode_rest(F&& on_command) {
    Command command;
    for (;;) {
      const auto more = next(command);
      if (!more) return more.error();
      if (!*more) return {};
      if constexpr (std::is_same_v<std::invoke_result_t<F&, const Command&>, bool>) {
        if (!on_command(std::as_const(command))) return {};
      } else {
        on_command(std::as_const(command));
      }
    }
  }

 private:
  enum class Field : std::uint8_t;
  struct FieldRule;

  bool read_command(JsonScan& scan, Command& command);
  bool read_members(JsonScan& scan, std::uint32_t scope, Command& command);
  bool read_field(JsonScan& scan, Field field, Command& command);
  bool read_text(JsonScan& scan, std::string_view& out);
  bool read_subs(JsonScan& scan, Command& command);
  bool check_arguments(const Command& command);
  bool refuse(const char* problem);

  std::size_t max_commands_;
  std::string_view rest_;
  std::size_t count_ = 0;
  std::string scratch_;  // unescaped texts; reserved to the frame's size, so that it never moves within a frame
  std::size_t frame_bytes_ = 0;
  std::vector<ConnectSub> subs_;
  const char* problem_ = nullptr;
};

}  // namespace gatecast::protocol
