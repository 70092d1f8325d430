#include "adapters/redis/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tls_certificate.hpp"

namespace gatecast::redis {
namespace {

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

Result<std::unique_ptr<TlsClient>> TlsClient::load(const std::string& ca_file) {
  ERR_clear_error();
  std::unique_ptr<TlsClient> made(new TlsClient(SSL_CTX_new(TLS_client_method())));
  SSL_CTX* context = made->context_;
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
    return fail(Errc::config_invalid, fmt::format("OpenSSL: {}", net::tls_reason()));
  }
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 0);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // A machine without authorities of its own may still have the named file.
  SSL_CTX_set_default_verify_paths(context);
  ERR_clear_error();
  if (!ca_file.empty() && SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    return fail(Errc::config_invalid, fmt::format("{}: {}", ca_file, net::tls_reason()));
  }
  return made;
}

TlsClient::~TlsClient() { SSL_CTX_free(context_); }

std::unique_ptr<net::TlsSession> TlsClient::begin(int fd, const std::string& host) const {
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  auto session = std::make_unique<net::TlsSession>(ssl, false);
  if (!session->attach(fd)) return nullptr;
  SSL_set_connect_state(ssl);
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
  const bool named = is_address(host)
                         ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1
                         : SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  return named ? std::move(session) : nullptr;
}

}  // namespace gatecast::redis
