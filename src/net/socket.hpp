// Sockets: listening, accepting, and the byte stream of one client connection.
//
// Stream is where TLS will differ from plain TCP: everything above reads and writes through it. Threads: one shard.
// Errors: Io says how an operation went; errno is kept for the log.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::net {

/// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    if (this != &o) {
      reset();
      fd_ = std::exchange(o.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }
  void reset();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Endpoint {
  std::string host;  // numeric IPv4 or IPv6, without brackets
  std::uint16_t port = 0;
};

/// `127.0.0.1:3002`, `[::1]:3002`, `:3002` (all addresses). Error: config_invalid.
Result<Endpoint> parse_endpoint(std::string_view text);
/// Whether nobody else listens there: SO_REUSEPORT alone would let a second server share the port unnoticed.
/// Errors: address_in_use, config_invalid.
Result<void> check_free(const Endpoint& at);
/// Listens with SO_REUSEPORT, non-blocking. Errors: address_in_use, config_invalid.
Result<Fd> listen_on(const Endpoint& at);
/// The port a listening socket got.
std::uint16_t port_of(int fd);

struct Accepted {
  Fd fd;
  std::string ip;
};
/// One waiting connection, non-blocking, TCP_NODELAY set; `fd` is empty where none waits, `exhausted` says that
/// descriptors ran out.
Accepted accept_from(int listener, bool& exhausted);

class Stream {
 public:
  explicit Stream(Fd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }

  /// Bytes read; 0: the peer closed; -1: nothing to read now; -2: the connection broke.
  std::ptrdiff_t read(std::span<char> into);
  /// Bytes the kernel took (0: none now); -2: the connection broke.
  std::ptrdiff_t write(const iovec* parts, std::size_t count);
  /// No more bytes from us; the peer's may still come.
  void finish();
  /// Closing will reset the connection: what the peer has not read is given up.
  void abort_on_close();

 private:
  Fd fd_;
};

}  // namespace gatecast::net
