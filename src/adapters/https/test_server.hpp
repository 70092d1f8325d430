// A small HTTP server of tests, plain or with TLS under an authority made on the spot.
//
// Threads: one accepts, one more for each connection; all end with the object. What it answers is decided by the path.
#pragma once

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gatecast::https {

/// An authority and the certificate of 127.0.0.1 and "localhost" under it (or of another name).
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& names = "IP:127.0.0.1,DNS:localhost") {
    ca_ = certificate(ca_key_.get(), nullptr, "Test Authority", "critical,CA:TRUE", "");
    leaf_ = certificate(leaf_key_.get(), ca_.get(), "127.0.0.1", "critical,CA:FALSE", names);
    file_ = std::filesystem::temp_directory_path() / ("gatecast-ca-" + std::to_string(::getpid()) + "-" +
                                                      std::to_string(reinterpret_cast<std::uintptr_t>(this)) + ".pem");
    std::FILE* out = std::fopen(file_.c_str(), "w");
    PEM_write_X509(out, ca_.get());
    std::fclose(out);
  }
  ~TestAuthority() { std::filesystem::remove(file_); }
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  std::string file() const { return file_.string(); }
  SSL_CTX* server_context() const {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, leaf_.get());
    SSL_CTX_use_PrivateKey(context, leaf_key_.get());
    return context;
  }

 private:
  using Pkey = std::unique_ptr<EVP_PKEY, decltype([](EVP_PKEY* k) { EVP_PKEY_free(k); })>;
  using Cert = std::unique_ptr<X509, decltype([](X509* c) { X509_free(c); })>;

  Cert certificate(EVP_PKEY* key, X509* issuer, const std::string& name, const char* basic, const std::string& names) {
    Cert made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer == nullptr ? made.get() : issuer));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer == nullptr ? made.get() : issuer, made.get(), nullptr, nullptr, 0);
    add(made.get(), context, NID_basic_constraints, basic);
    if (!names.empty()) add(made.get(), context, NID_subject_alt_name, names.c_str());
    X509_sign(made.get(), issuer == nullptr ? key : ca_key_.get(), EVP_sha256());
    return made;
  }
  static void add(X509* to, X509V3_CTX& context, int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
  }

  Pkey ca_key_{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
  Pkey leaf_key_{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
  Cert ca_, leaf_;
  std::filesystem::path file_;
};

class TestServer {
 public:
  /// Plain HTTP where there is no authority.
  explicit TestServer(const TestAuthority* authority = nullptr) {
    if (authority != nullptr) context_ = authority->server_context();
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), size);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~TestServer() {
    ending_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
    SSL_CTX_free(context_);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::string url(const std::string& path, const std::string& host = "127.0.0.1") const {
    return (context_ != nullptr ? "https://" : "http://") + host + ":" + std::to_string(port_) + path;
  }
  /// How many requests arrived whole.
  int requests() const { return requests_; }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      std::lock_guard lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    SSL* tls = nullptr;
    bool good = true;
    if (context_ != nullptr) {
      tls = SSL_new(context_);
      SSL_set_fd(tls, fd);
      good = SSL_accept(tls) == 1;
    }
    const auto read = [&](char* to, std::size_t room) {
      return tls != nullptr ? SSL_read(tls, to, static_cast<int>(room)) : static_cast<int>(::recv(fd, to, room, 0));
    };
    const auto write = [&](const std::string& bytes) {
      if (tls != nullptr) return SSL_write(tls, bytes.data(), static_cast<int>(bytes.size())) > 0;
      return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
    };
    std::string request;
    std::size_t end = std::string::npos;
    while (good && (end = request.find("\r\n\r\n")) == std::string::npos) {
      char buffer[4096];
      const int got = read(buffer, sizeof buffer);
      if (got <= 0) break;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    if (end != std::string::npos) {
      std::size_t body = 0;
      if (const auto at = request.find("Content-Length: "); at < end) body = std::stoul(request.substr(at + 16));
      while (request.size() < end + 4 + body) {
        char buffer[4096];
        const int got = read(buffer, sizeof buffer);
        if (got <= 0) break;
        request.append(buffer, static_cast<std::size_t>(got));
      }
      ++requests_;
      answer(request, fd, write);
    }
    if (tls != nullptr) {
      SSL_shutdown(tls);
      SSL_free(tls);
    }
    std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  void answer(const std::string& request, int fd, const auto& write) {
    const std::string path = request.substr(request.find(' ') + 1, request.find(' ', 5) - request.find(' ') - 1);
    const auto reply = [&](const std::string& status, const std::string& headers, const std::string& body) {
      write("HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" +
            headers + "\r\n" + body);
    };
    if (path == "/redirect") return reply("302 Found", "Location: /echo\r\nX-Kept:  a b \r\n", "moved");
    if (path == "/large") return reply("200 OK", "", std::string(5000, 'x'));
    if (path == "/headers") return reply("200 OK", "X-Long: " + std::string(40000, 'h') + "\r\n", "");
    if (path == "/endless") {
      write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
      while (!ending_ && write(std::string(1000, 'x'))) {
      }
      return;
    }
    if (path == "/hang") {
      pollfd wait{.fd = fd, .events = POLLRDHUP, .revents = 0};
      ::poll(&wait, 1, 20'000);
      return;
    }
    reply("200 OK", "Content-Type: text/plain\r\n", request);
  }

  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> requests_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace gatecast::https
