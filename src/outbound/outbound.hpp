// One bounded HTTP request to somebody else's server: key sets, the application's hook and webhooks, a chain's node.
//
// Place: used by token and session; implemented by adapters/https. Threads: called on a loop's thread, the task resumes
// there. Redirects are not followed and no proxy of the environment is used. TLS certificates are checked against the
// system's authorities and `ca_file`; http:// is refused but for loopback addresses unless `allow_plain` says
// otherwise. Bounds: everything of `Request` that says so, and how many requests run or wait at once (`overloaded`).
// Errors: outbound_failed (name, connect, TLS, time, a reply over the bound; the detail never holds a secret),
// overloaded, cancelled. Any status is an answer, not an error.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/task.hpp"

namespace gatecast::outbound {

struct Request {
  std::string method = "GET";  // GET or POST
  std::string url{};           // https://… ; credentials in it are refused
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  Duration time = std::chrono::seconds{5};  // for all of it
  std::size_t reply_bytes = 256 * 1024;     // of the reply's body; more is outbound_failed
  bool allow_plain = false;                 // http:// beyond loopback
};

struct Reply {
  unsigned status = 0;
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
};

class Outbound {
 public:
  virtual ~Outbound() = default;
  virtual Task<Result<Reply>> send(Request request) = 0;
  /// Answers what is under way and what comes later with `cancelled`: before the loops that wait for it stop.
  virtual void stop() {}
};

/// Whether the URL is one that `send` would try. Error: config_invalid, the detail says why.
Result<void> check_url(std::string_view url, bool allow_plain = false);

}  // namespace gatecast::outbound
