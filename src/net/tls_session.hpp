// TLS on one connection: plain bytes above, records on a non-blocking descriptor below.
//
// Place: inside net::Stream. Owner: its Stream; threads: its shard. The handshake goes on by reading. What `write` took
// is taken: a record that TCP took in part is kept here, and until it is out `holds()` is true and nothing more is
// taken. `read` gives at most one record, so with a buffer of 16 KB or more nothing stays behind where epoll cannot see
// it. Lifetime: shorter than the descriptor's; says close_notify when it goes. Bounds: one record of 16 KB is kept.
// Errors: -2 as of Stream, and `error()` for the log. Handshakes are counted.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;

namespace gatecast::net {

class TlsSession {
 public:
  static constexpr std::size_t kRecordBytes = 16384;

  /// Takes the object over. `counted`: its handshake is a client's, and in the metrics.
  explicit TlsSession(ssl_st* ssl, bool counted = true) : ssl_(ssl), counted_(counted) {}
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  /// Sets the descriptor; false: out of memory.
  bool attach(int fd);

  /// As Stream::read; 0: the peer said close_notify. -1 as long as the handshake goes on.
  std::ptrdiff_t read(std::span<char> into);
  /// As Stream::write; with no bytes it goes on with what it holds. Broken before the handshake is done.
  std::ptrdiff_t write(const iovec* parts, std::size_t count);
  /// Says close_notify; false where TCP does not take it now (`wants_write`).
  bool finish();
  /// Nothing is said at the end: the connection is cut.
  void abandon() { broken_ = true; }

  bool established() const { return established_; }
  bool holds() const { return !held_.empty(); }
  /// Reading, or the end, waits for write readiness.
  bool wants_write() const { return wants_write_ || finishing_; }
  bool finishing() const { return finishing_; }
  /// What broke it; empty where the peer just went.
  std::string_view error() const { return error_; }

 private:
  bool flush_held();
  void note_established();
  void break_off();
  void answer_plain_http();

  ssl_st* ssl_;
  std::string held_;
  std::string_view error_;  // OpenSSL's own text, for ever
  bool established_ = false;
  bool broken_ = false;
  bool wants_write_ = false;
  bool finishing_ = false;
  bool finished_ = false;
  const bool counted_;
};

}  // namespace gatecast::net
