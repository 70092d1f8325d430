// The client protocol (version 2, JSON) over a LiveSocket: commands with their replies, pushes, pings, the end.
//
// Place: `gatecast doctor --live` and `--url`. Threads: any one; calls block, each within its time. Bounds: pushes that
// nobody waits for are dropped beyond kPushesMax. Errors: outbound_failed where the connection ends or is silent; what
// the server refuses is bad_request; the detail says what came.
#pragma once

#include <deque>

#include "app/live_client.hpp"

namespace gatecast::app {

class LiveSession {
 public:
  static constexpr std::size_t kPushesMax = 100;

  explicit LiveSession(LiveSocket socket) : socket_(std::move(socket)) {}

  /// Sends `{"id":…,"<name>":<params>}`; the reply's member of that name.
  Result<std::string> ask(std::string_view name, std::string_view params, std::chrono::milliseconds time);
  /// The data of the next publication in a channel.
  Result<std::string> publication(std::string_view channel, std::chrono::milliseconds time);
  /// Until the server's next ping.
  Result<void> ping(std::chrono::milliseconds time);
  /// The code that the connection is closed with, by push or close frame.
  Result<unsigned> end(std::chrono::milliseconds time);
  /// The code it was closed with so far; 0: none.
  unsigned ended_with() const { return code_; }

 private:
  struct Message {
    std::int64_t id = 0;  // 0: a push
    bool ping = false;
    std::string text{};
  };
  Result<Message> next(SteadyTime until);
  void note_end(const Frame& frame);

  LiveSocket socket_;
  std::deque<std::string> lines_{};   // of a frame, not yet taken
  std::deque<std::string> pushes_{};  // not yet asked for
  std::int64_t last_id_ = 0;
  unsigned code_ = 0;
  std::string reason_{};
};

}  // namespace gatecast::app
