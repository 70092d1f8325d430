#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "app/actions.hpp"
#include "core/clock.hpp"

namespace gatecast::app {
namespace {

/// One connection with one deadline for everything done on it.
class Call {
 public:
  explicit Call(int seconds) : until_(SystemClock{}.steady() + std::chrono::seconds(seconds)) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    if (fd_ >= 0) ::close(fd_);
  }

  bool connect(const std::string& host, std::uint16_t port) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (auto* v4 = reinterpret_cast<sockaddr_in*>(&storage); inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      size = sizeof *v4;
    } else {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return errno = EINVAL, false;
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      size = sizeof *v6;
    }
    fd_ = ::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&storage), size) == 0) return true;
    if (errno != EINPROGRESS || !wait(POLLOUT)) return false;
    int error = 0;
    socklen_t error_size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &error_size);
    errno = error;
    return error == 0;
  }
  /// From here on by TLS. Whose certificate it is is not looked at: nothing secret is asked or told, and who could
  /// forge this answer could forge a plain one.
  bool secure() {
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = context_ != nullptr ? SSL_new(context_) : nullptr;
    if (ssl_ == nullptr || SSL_set_fd(ssl_, fd_) != 1) return errno = ENOMEM, false;
    for (;;) {
      const int done = SSL_connect(ssl_);
      if (done == 1) return true;
      if (!wait_tls(done)) return false;
    }
  }
  bool send(std::string_view bytes) {
    while (ssl_ != nullptr) {
      const int n = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (n > 0) return true;
      if (!wait_tls(n)) return false;
    }
    while (!bytes.empty()) {
      ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN && wait(POLLOUT)) continue;
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  /// Reads until `enough` bytes or the end.
  bool receive(std::string& into, std::size_t enough) {
    char buffer[512];
    while (into.size() < enough) {
      ssize_t n = ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof buffer) : ::recv(fd_, buffer, sizeof buffer, 0);
      if (ssl_ != nullptr && n <= 0) {
        if (wait_tls(static_cast<int>(n))) continue;
        return false;
      }
      if (n < 0 && errno == EAGAIN && wait(POLLIN)) continue;
      if (n < 0) return false;
      if (n == 0) return errno = ECONNRESET, false;
      into.append(buffer, static_cast<std::size_t>(n));
    }
    return true;
  }

 private:
  bool wait_tls(int result) {
    switch (SSL_get_error(ssl_, result)) {
      case SSL_ERROR_WANT_READ: return wait(POLLIN);
      case SSL_ERROR_WANT_WRITE: return wait(POLLOUT);
      default: return errno = EPROTO, false;
    }
  }
  bool wait(short events) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until_ - SystemClock{}.steady()).count();
    pollfd entry{fd_, events, 0};
    int n = left > 0 ? ::poll(&entry, 1, static_cast<int>(left)) : 0;
    if (n == 0) errno = ETIMEDOUT;
    return n > 0;
  }

  SteadyTime until_;
  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
};

}  // namespace

int http_status(const std::string& host, std::uint16_t port, bool tls, const std::string& path, int seconds,
                std::string& problem) {
  Call call(seconds);
  bool v6 = host.find(':') != std::string::npos;
  std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: {}{}{}:{}\r\nConnection: close\r\n\r\n", path,
                                    v6 ? "[" : "", host, v6 ? "]" : "", port);
  constexpr std::size_t kStatusLine = 12;  // "HTTP/1.1 200"
  std::string answer;
  if (!call.connect(host, port) || (tls && !call.secure()) || !call.send(request) ||
      !call.receive(answer, kStatusLine)) {
    problem = std::strerror(errno);
    return 0;
  }
  bool digits = answer.starts_with("HTTP/1.") && answer.find_first_not_of("0123456789", 9) >= kStatusLine;
  if (!digits) {
    problem = "no HTTP answer: another program listens there";
    return 0;
  }
  return (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0');
}

}  // namespace gatecast::app
