// Sockets: listening, accepting, and the byte stream of one client connection.
//
// Stream is where TLS differs from plain TCP: everything above reads and writes through it. Threads: one shard.
// Errors: those of addresses and ports as Result; of a stream as -2.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "net/tls_session.hpp"

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
/// The kernel takes no new peer for this listener, and drops what they send to begin with: they try again within a
/// second. Peers whose handshake has begun still arrive. Where the kernel refuses, new ones arrive as well.
void take_nobody(int listener);
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
  explicit Stream(Fd fd, std::unique_ptr<TlsSession> tls = nullptr) : fd_(std::move(fd)), tls_(std::move(tls)) {}
  int fd() const { return fd_.get(); }
  /// The TLS it speaks; null on a plain port.
  TlsSession* tls() const { return tls_.get(); }

  /// Bytes read; 0: the peer closed; -1: nothing to read now; -2: the connection broke.
  std::ptrdiff_t read(std::span<char> into);
  /// Bytes taken (0: none now); -2: the connection broke. By TLS some of them may still be held.
  std::ptrdiff_t write(const iovec* parts, std::size_t count);
  /// No more bytes from us; the peer's may still come. False: TLS waits for write readiness to say so; call again then.
  bool finish();
  /// Closing will reset the connection: what the peer has not read is given up.
  void abort_on_close();

 private:
  Fd fd_;
  std::unique_ptr<TlsSession> tls_;  // goes before the descriptor: its last words need it
};

}  // namespace gatecast::net
