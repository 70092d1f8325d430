#include "bench/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>

#include "bench/process.hpp"

namespace gatecast::bench {

namespace {

/// Content-Length of a reply's head, in lower case or as it is usually written.
bool content_length(std::string_view head, std::size_t& length) {
  for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
    const auto at = head.find(name);
    if (at == std::string_view::npos) continue;
    length = std::strtoul(head.data() + at + name.size(), nullptr, 10);
    return length <= 1024 * 1024;
  }
  return false;
}

}  // namespace

bool HttpClient::open(std::uint16_t port) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A server that accepts and never answers ends the benchmark instead of stopping it.
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

HttpClient::HttpClient(std::uint16_t port, std::string headers) : headers_(std::move(headers)) {
  require(open(port), "HTTP connect");
}

HttpClient::~HttpClient() {
  if (fd_ >= 0) close(fd_);
}

bool HttpClient::answers(std::uint16_t port, std::string_view path) {
  HttpClient client;
  HttpReply reply;
  return client.open(port) && client.exchange("GET", path, {}, reply) && reply.status == 200;
}

HttpReply HttpClient::request(std::string_view method, std::string_view path, std::string_view body) {
  HttpReply reply;
  if (!exchange(method, path, body, reply)) die(fmt::format("{} {}: no readable reply", method, path));
  return reply;
}

std::string HttpClient::post_ok(std::string_view path, std::string_view body) {
  HttpReply reply = post(path, body);
  if (reply.status != 200) die(fmt::format("POST {}: {} {}", path, reply.status, reply.body));
  return std::move(reply.body);
}

bool HttpClient::exchange(std::string_view method, std::string_view path, std::string_view body, HttpReply& reply) {
  out_.clear();
  fmt::format_to(std::back_inserter(out_), "{} {} HTTP/1.1\r\nHost: localhost\r\n{}", method, path, headers_);
  if (method == "POST") {
    fmt::format_to(std::back_inserter(out_), "Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
  }
  out_ += "\r\n";
  out_ += body;
  for (std::size_t done = 0; done < out_.size();) {
    const ssize_t n = send(fd_, out_.data() + done, out_.size() - done, MSG_NOSIGNAL);
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return receive(reply);
}

bool HttpClient::receive(HttpReply& reply) {
  in_.clear();
  char buffer[16 * 1024];
  std::size_t head_end = std::string::npos;
  std::size_t length = 0;
  while (head_end == std::string::npos || in_.size() < head_end + 4 + length) {
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    in_.append(buffer, static_cast<std::size_t>(n));
    if (head_end != std::string::npos) continue;
    head_end = in_.find("\r\n\r\n");
    if (head_end != std::string::npos && !content_length(std::string_view(in_).substr(0, head_end), length))
      return false;
  }
  if (!in_.starts_with("HTTP/1.1 ")) return false;
  reply.status = std::atoi(in_.c_str() + 9);
  reply.body = in_.substr(head_end + 4, length);
  return true;
}

}  // namespace gatecast::bench
