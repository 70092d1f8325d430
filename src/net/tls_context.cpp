#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <string_view>

namespace gatecast::net {
namespace {

constexpr char kCiphers12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr char kCiphers13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kGroups[] = "X25519:P-256:P-384";
// 112 bits: no RSA key under 2048 bits, no SHA-1.
constexpr int kSecurityLevel = 2;
// A ticket opens a connection without a new look at the certificate: not for long.
constexpr long kTicketSeconds = 3600;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyRef = std::unique_ptr<EVP_PKEY, Free>;

int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<KeyRef> read_key(const std::string& file) {
  auto text = read_tls_file(file, Errc::tls_key);
  if (!text) return text.error();
  const std::unique_ptr<BIO, Free> in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  bool encrypted = false;
  ERR_clear_error();
  KeyRef key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, &encrypted) : nullptr);
  OPENSSL_cleanse(text->data(), text->size());
  if (encrypted)
    return fail(Errc::tls_key, fmt::format("{}: is under a password, which nobody is there to give", file));
  if (!key) return fail(Errc::tls_key, fmt::format("{}: holds no private key (PEM)", file));
  return key;
}

// Many keep keys readable by a group of their own; everyone is never right.
bool others_may_read(const std::string& file) {
  struct stat about{};
  return ::stat(file.c_str(), &about) == 0 && (about.st_mode & (S_IRWXO | S_IWGRP)) != 0;
}

// Of what the client offers only HTTP/1.1 is spoken here (RFC 7301 §3.2); one that offers nothing gets it as well.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned size, void*) {
  static constexpr std::string_view kHttp = "http/1.1";
  for (unsigned at = 0; at < size; at += 1u + offered[at]) {
    const std::string_view name(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
    if (name != kHttp) continue;
    *out = offered + at + 1;
    *out_size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool configure(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
  // A session writes one record at a time and keeps it until TCP has it. Between records no buffer is held. Without
  // AUTO_RETRY a peer that sends nothing but handshake messages gives the turn back after each.
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  // Reading ahead would hide bytes from epoll.
  SSL_CTX_set_read_ahead(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, kTicketSeconds);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(context, 1) == 1 &&
         SSL_CTX_set_cipher_list(context, kCiphers12) == 1 && SSL_CTX_set_ciphersuites(context, kCiphers13) == 1 &&
         SSL_CTX_set1_groups_list(context, kGroups) == 1;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const std::string& certificate_file,
                                                           const std::string& key_file, WallTime now) {
  auto chain = read_tls_chain(certificate_file, now);
  if (!chain) return chain.error();
  auto key = read_key(key_file);
  if (!key) return key.error();
  X509* own = chain->front().get();
  ERR_clear_error();
  if (X509_check_private_key(own, key->get()) != 1) {
    return fail(Errc::tls_key, fmt::format("{}: is not the key of the certificate in {}", key_file, certificate_file));
  }

  std::shared_ptr<TlsContext> made(new TlsContext());
  made->context_ = SSL_CTX_new(TLS_server_method());
  if (made->context_ == nullptr || !configure(made->context_)) {
    return fail(Errc::tls_certificate, fmt::format("OpenSSL: {}", tls_reason()));
  }
  if (SSL_CTX_use_certificate(made->context_, own) != 1) {
    return fail(Errc::tls_certificate, fmt::format("{}: {}", certificate_file, tls_reason()));
  }
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(made->context_, (*chain)[i].get()) != 1) {
      return fail(Errc::tls_certificate, fmt::format("{}: certificate {}: {}", certificate_file, i + 1, tls_reason()));
    }
  }
  if (SSL_CTX_use_PrivateKey(made->context_, key->get()) != 1) {
    return fail(Errc::tls_key, fmt::format("{}: {}", key_file, tls_reason()));
  }
  made->certificate_ = describe(*own);
  made->doubts_ = doubts_about(*own, now);
  if (others_may_read(key_file)) made->doubts_.push_back(fmt::format("{}: others may read the key", key_file));
  return std::shared_ptr<const TlsContext>(std::move(made));
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

std::unique_ptr<TlsSession> TlsContext::begin(int fd) const {
  ssl_st* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  auto session = std::make_unique<TlsSession>(ssl);
  if (!session->attach(fd)) return nullptr;
  SSL_set_accept_state(ssl);
  return session;
}

}  // namespace gatecast::net
