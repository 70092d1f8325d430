// The client's side of TLS to Redis: which authorities are believed, and for which host.
//
// Place: a client has one and begins each of its connections with it. Threads: one loop's; `load` blocks (files of
// authorities). TLS 1.2 and 1.3; the server's certificate must be under a known authority and for the host of the URL,
// which is also said to it (SNI). Errors: config_invalid (the file of authorities).
#pragma once

#include <memory>
#include <string>

#include "core/result.hpp"
#include "net/tls_session.hpp"

struct ssl_ctx_st;

namespace gatecast::redis {

class TlsClient {
 public:
  /// The system's authorities, and those of the PEM file where one is named.
  static Result<std::unique_ptr<TlsClient>> load(const std::string& ca_file);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// On this descriptor, which outlives it; null: out of memory.
  std::unique_ptr<net::TlsSession> begin(int fd, const std::string& host) const;

 private:
  explicit TlsClient(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

}  // namespace gatecast::redis
