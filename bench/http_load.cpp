#include "bench/http_load.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "bench/process.hpp"

namespace gatecast::bench {

std::string post_bytes(std::string_view path, std::string_view body) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", path,
      body.size(), body);
}

HttpLoad::HttpLoad(std::uint16_t port, std::size_t connections)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), clients_(connections) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const int fd = clients_[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "HTTP connect");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    require(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }
}

HttpLoad::~HttpLoad() {
  for (const Client& client : clients_) close(client.fd);
  close(epoll_);
}

void HttpLoad::send_next(Client& client, const std::vector<std::string>& requests) {
  if (next_ == requests.size()) return;
  client.request = next_++;
  const std::string& bytes = requests[client.request];
  require(send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()), "send");
}

bool HttpLoad::take_reply(Client& client, std::string& body) {
  const auto head_end = client.in.find("\r\n\r\n");
  if (head_end == std::string::npos) return false;
  const auto field = client.in.find("Content-Length: ");
  if (field > head_end) die(fmt::format("a reply without a length: {}", client.in));
  const std::size_t length = std::strtoul(client.in.c_str() + field + 16, nullptr, 10);
  if (client.in.size() < head_end + 4 + length) return false;
  if (!client.in.starts_with("HTTP/1.1 200 ")) die(client.in);
  body.assign(client.in, head_end + 4, length);
  client.in.clear();
  return true;
}

std::vector<std::string> HttpLoad::run(const std::vector<std::string>& requests) {
  std::vector<std::string> bodies(requests.size());
  next_ = 0;
  for (Client& client : clients_) send_next(client, requests);
  char buffer[16 * 1024];
  epoll_event events[128];
  for (std::size_t done = 0; done < requests.size();) {
    const int ready = epoll_wait(epoll_, events, 128, 30'000);
    if (ready <= 0) die(fmt::format("{} of {} replies in half a minute", done, requests.size()));
    for (int i = 0; i < ready; ++i) {
      Client& client = clients_[events[i].data.u64];
      const ssize_t n = recv(client.fd, buffer, sizeof buffer, 0);
      if (n <= 0) die("the server closed an HTTP connection");
      client.in.append(buffer, static_cast<std::size_t>(n));
      if (!take_reply(client, bodies[client.request])) continue;
      ++done;
      send_next(client, requests);
    }
  }
  return bodies;
}

}  // namespace gatecast::bench
