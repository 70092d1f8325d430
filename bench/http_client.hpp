// One keep-alive HTTP/1.1 connection to 127.0.0.1, blocking: requests one after another.
//
// Threads: one a client. Bounds: replies of 1 MiB with Content-Length. Errors: broken connections and unreadable
// replies end the benchmark; a status is the caller's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatecast::bench {

struct HttpReply {
  int status = 0;
  std::string body;
};

class HttpClient {
 public:
  /// `headers` are sent with every request, each ending in CR LF.
  explicit HttpClient(std::uint16_t port, std::string headers = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  HttpReply get(std::string_view path) { return request("GET", path, {}); }
  HttpReply post(std::string_view path, std::string_view body) { return request("POST", path, body); }
  /// The same, and dies where the status is not 200.
  std::string post_ok(std::string_view path, std::string_view body);

  /// Whether something listens there and answers GET `path` with 200; never dies.
  static bool answers(std::uint16_t port, std::string_view path);

 private:
  HttpReply request(std::string_view method, std::string_view path, std::string_view body);
  bool exchange(std::string_view method, std::string_view path, std::string_view body, HttpReply& reply);
  bool receive(HttpReply& reply);

  HttpClient() = default;
  bool open(std::uint16_t port);

  int fd_ = -1;
  std::string headers_;
  std::string out_;
  std::string in_;
};

}  // namespace gatecast::bench
