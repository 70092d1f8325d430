// A certificate and its key, ready for handshakes: what the TLS connections of a port begin with.
//
// Place: below Stream; the server loads one a port at start, and anew at a reload. Owner: shared by the port and the
// connections that began with it. Threads: `load` from any, blocking (two small files); what is loaded never changes,
// and all shards begin connections with it. TLS 1.2 and 1.3, forward secrecy only, HTTP/1.1 by ALPN, no renegotiation,
// no compression, no early data. Session tickets are under a key of the context: none is good for another certificate.
// Errors: tls_certificate and tls_key, with the file and what is wrong.
#pragma once

#include <memory>
#include <mutex>

#include "net/tls_certificate.hpp"
#include "net/tls_session.hpp"

struct ssl_ctx_st;

namespace gatecast::net {

class TlsContext {
 public:
  static Result<std::shared_ptr<const TlsContext>> load(const std::string& certificate_file,
                                                        const std::string& key_file, WallTime now);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const TlsCertificate& certificate() const { return certificate_; }
  /// What should be seen to, though it works: a near end, a key that others may read.
  const std::vector<std::string>& doubts() const { return doubts_; }
  /// The server's side of a connection on this descriptor, which outlives it; null: out of memory.
  std::unique_ptr<TlsSession> begin(int fd) const;

 private:
  TlsContext() = default;

  ssl_ctx_st* context_ = nullptr;
  TlsCertificate certificate_;
  std::vector<std::string> doubts_;
};

/// What the next connections of a port begin with; nothing: the port is plain. Threads: any.
class TlsPort {
 public:
  std::shared_ptr<const TlsContext> current() const {
    std::lock_guard lock(mutex_);
    return current_;
  }
  void use(std::shared_ptr<const TlsContext> next) {
    std::lock_guard lock(mutex_);
    current_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> current_;
};

}  // namespace gatecast::net
