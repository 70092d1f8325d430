// For this layer's tests: certificates made on the spot, a folder for them, and the client's end of a TLS connection
// by OpenSSL itself.
#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "net/socket.hpp"
#include "net/tls_context.hpp"

namespace gatecast::net::testing {

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL_SESSION* p) const { SSL_SESSION_free(p); }
  void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
};
template <class T>
using Ref = std::unique_ptr<T, Free>;

/// A certificate and its key.
struct Pair {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;

  std::string certificate_pem() const {
    return text([this](BIO* out) { PEM_write_bio_X509(out, certificate.get()); });
  }
  std::string key_pem(const char* password = nullptr) const {
    return text([&](BIO* out) {
      PEM_write_bio_PKCS8PrivateKey(out, key.get(), password == nullptr ? nullptr : EVP_aes_128_cbc(), password,
                                    password == nullptr ? 0 : static_cast<int>(std::strlen(password)), nullptr,
                                    nullptr);
    });
  }

 private:
  static std::string text(const std::function<void(BIO*)>& write) {
    const Ref<BIO> out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }
};

struct Wish {
  std::string name = "gatecast test";
  std::string names = "DNS:localhost,IP:127.0.0.1";  // as OpenSSL writes them; "": none
  long from_seconds = -3600;                         // from now
  long to_seconds = 86400 * 90;
  const Pair* issuer = nullptr;  // null: itself
  bool authority = false;
  const char* purpose = "serverAuth";
  int rsa_bits = 0;  // 0: P-256
};

inline Pair make_pair(const Wish& wish = {}) {
  Pair pair;
  pair.key.reset(wish.rsa_bits != 0 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t(wish.rsa_bits))
                                    : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"),
                 EVP_PKEY_free);
  pair.certificate.reset(X509_new(), X509_free);
  X509* made = pair.certificate.get();
  static long serial = 0;
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made), wish.from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(made), wish.to_seconds);
  X509_set_pubkey(made, pair.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1, 0);
  const Pair& issuer = wish.issuer != nullptr ? *wish.issuer : pair;
  X509_set_issuer_name(made, X509_get_subject_name(issuer.certificate.get()));
  const auto extend = [&](int what, const std::string& value) {
    const Ref<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()));
    EXPECT_NE(extension, nullptr) << value;
    X509_add_ext(made, extension.get(), -1);
  };
  extend(NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (!wish.names.empty()) extend(NID_subject_alt_name, wish.names);
  if (!wish.authority) extend(NID_ext_key_usage, wish.purpose);
  X509_sign(made, issuer.key.get(), EVP_sha256());
  return pair;
}

/// A folder of its own, gone with the test.
class Folder {
 public:
  Folder() : path_(::testing::TempDir() + "gatecast-tls-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, std::string_view text, mode_t mode = 0600) const {
    const auto file = path_ + "/" + name;
    std::ofstream(file, std::ios::binary) << text;
    std::filesystem::permissions(file, std::filesystem::perms{mode});
    return file;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline Result<std::shared_ptr<const TlsContext>> load(const Folder& folder, const std::string& certificates,
                                                      const std::string& key, mode_t mode = 0600) {
  return TlsContext::load(folder.write("cert.pem", certificates), folder.write("key.pem", key, mode),
                          SystemClock().wall());
}
inline std::shared_ptr<const TlsContext> context_of(const Pair& pair) {
  const Folder folder;
  auto loaded = load(folder, pair.certificate_pem(), pair.key_pem());
  EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
  return std::move(*loaded);
}

/// The client's end, non-blocking, taking any certificate.
class Peer {
 public:
  explicit Peer(int fd, const std::function<void(SSL*)>& prepare = {}) : context_(SSL_CTX_new(TLS_client_method())) {
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl(), fd);
    SSL_set_connect_state(ssl());
    SSL_set_mode(ssl(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (prepare) prepare(ssl());
  }
  SSL* ssl() { return ssl_.get(); }
  bool established() { return SSL_is_init_finished(ssl()) == 1; }
  bool shake_hands() { return SSL_do_handshake(ssl()) == 1; }
  /// Appends what came, at most `most` bytes; the SSL_ERROR_ that ended it.
  int read(std::string& into, std::size_t most = 65536) {
    ERR_clear_error();
    std::string buffer(most, '\0');
    std::size_t n = 0;
    // OpenSSL's own sockets raise the signal where it says of an error to one who has gone; ours never may.
    const auto before = signal(SIGPIPE, SIG_IGN);
    const int done = SSL_read_ex(ssl(), buffer.data(), most, &n);
    signal(SIGPIPE, before);
    into.append(buffer, 0, n);
    return done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl(), done);
  }
  /// Bytes taken of those that come next, `size` of them or as many as were not taken whole before.
  std::size_t write(std::string_view bytes, std::size_t size = std::string_view::npos) {
    ERR_clear_error();
    if (again_ == 0) again_ = std::min(size, bytes.size());
    std::size_t n = 0;
    if (again_ == 0 || SSL_write_ex(ssl(), bytes.data(), again_, &n) != 1) return 0;
    again_ = 0;
    return n;
  }

 private:
  Ref<SSL_CTX> context_;
  Ref<SSL> ssl_;
  std::size_t again_ = 0;  // what OpenSSL has to be given again
};

/// Both ends of a connection on one thread.
struct Wire {
  explicit Wire(const TlsContext& context, int buffer_bytes = 0, const std::function<void(SSL*)>& prepare = {}) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    theirs = Fd(fds[1]);
    for (int fd : fds) {
      if (buffer_bytes != 0) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    }
    auto session = context.begin(fds[0]);
    ours.emplace(Fd(fds[0]), std::move(session));
    peer.emplace(theirs.get(), prepare);
  }
  TlsSession& tls() { return *ours->tls(); }
  /// Both sides go on until the handshake is done or has failed; true: done.
  bool shake_hands() {
    for (int i = 0; i < 100; ++i) {
      const bool there = peer->shake_hands();
      if (!there && !SSL_want(peer->ssl())) return false;
      char byte = 0;
      if (ours->read({&byte, 1}) == -2) return false;
      if (there && tls().established()) return true;
    }
    return false;
  }
  std::string read_ours(std::size_t most = 65536) {
    std::string buffer(most, '\0');
    const auto n = ours->read(buffer);
    outcome = n;
    buffer.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return buffer;
  }
  std::ptrdiff_t write_ours(std::string_view bytes) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return ours->write(&part, 1);
  }

  std::optional<Stream> ours;
  Fd theirs;
  std::optional<Peer> peer;
  std::ptrdiff_t outcome = 0;  // of the last read_ours
};

}  // namespace gatecast::net::testing
