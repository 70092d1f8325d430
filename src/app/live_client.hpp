// A client from outside: one HTTP request, one WebSocket, by libcurl, each step within its own time.
//
// Place: `gatecast doctor --live` and `--url`, and what it asks of other servers. Threads: any one; calls block.
// Certificates are checked against the system's authorities and `ca_file` unless `any_certificate`. Never: redirects,
// proxies of the environment, cookies. Bounds: a reply of 1 MB, a frame of 1 MB, the times given.
// Errors: outbound_failed with libcurl's reason; a certificate that is not good is tls_certificate.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace gatecast::app {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Place {
  std::string url{};  // "https://app.example/base", without a slash at its end
  std::string ca_file{};
  bool any_certificate = false;  // this machine's own port: its name is not in the certificate
};

struct HttpReply {
  unsigned status = 0;
  Fields headers{};  // names in lower case
  std::string body{};

  std::string_view header(std::string_view name) const;
  /// Of `Date`, in seconds since 1970.
  std::optional<std::int64_t> date() const;
};

/// `body` not empty: POST of JSON.
Result<HttpReply> http_call(const Place& place, std::string_view path, const Fields& headers, const std::string& body,
                            std::chrono::milliseconds time);

/// One frame of a WebSocket, or the end of the connection.
struct Frame {
  enum class Kind : std::uint8_t { text, close, cut, none };
  Kind kind = Kind::none;  // none: nothing within the time
  std::string text{};      // or a close's reason
  unsigned code = 0;       // of a close
};

class LiveSocket {
 public:
  /// The upgrade; any status but 101 is given with what came, and there is no socket then.
  static Result<LiveSocket> open(const Place& place, std::string_view target, const Fields& headers,
                                 std::chrono::milliseconds time, HttpReply& answer);
  LiveSocket(LiveSocket&&) noexcept;
  ~LiveSocket();

  Result<void> send(std::string_view text);
  /// The next message or close within the time; pings of the protocol beneath are answered and passed over.
  Frame receive(std::chrono::milliseconds time);
  /// The connection ends without a word.
  void drop();

 private:
  struct Wire;
  explicit LiveSocket(std::unique_ptr<Wire> wire);
  std::optional<Frame> take();
  Result<void> send_frame(unsigned opcode, std::string_view payload);

  std::unique_ptr<Wire> wire_;
};

}  // namespace gatecast::app
