// Many keep-alive HTTP connections of one thread: each sends the next request as soon as its reply is there.
//
// Place: drives the server and the floor alike, with requests made beforehand, so that what the client costs stays
// small and is the same for both. Threads: one. Bounds: one request under way a connection, replies of 1 MiB.
// Errors: a broken connection, and any status but 200, ends the benchmark with what was answered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatecast::bench {

/// A POST with a JSON body, as bytes.
std::string post_bytes(std::string_view path, std::string_view body);

class HttpLoad {
 public:
  HttpLoad(std::uint16_t port, std::size_t connections);
  ~HttpLoad();
  HttpLoad(const HttpLoad&) = delete;
  HttpLoad& operator=(const HttpLoad&) = delete;

  /// Sends all; gives the bodies of the replies, in the order of the requests.
  std::vector<std::string> run(const std::vector<std::string>& requests);

 private:
  struct Client {
    int fd = -1;
    std::size_t request = 0;
    std::string in;
  };
  void send_next(Client& client, const std::vector<std::string>& requests);
  bool take_reply(Client& client, std::string& body);

  int epoll_ = -1;
  std::vector<Client> clients_;
  std::size_t next_ = 0;
};

}  // namespace gatecast::bench
