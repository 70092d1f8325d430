#include "net/tls_session.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "metrics/registry.hpp"

namespace gatecast::net {
namespace {

// OpenSSL's own socket BIO writes with write(), where a peer that has gone raises SIGPIPE.
int fd_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool later() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS; }

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto n = send(fd_of(bio), bytes, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && later()) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const auto n = recv(fd_of(bio), into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (n < 0 && later()) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

long bio_ctrl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gatecast socket");
    if (made == nullptr || BIO_meth_set_write(made, bio_write) != 1 || BIO_meth_set_read(made, bio_read) != 1 ||
        BIO_meth_set_ctrl(made, bio_ctrl) != 1) {
      std::abort();
    }
    return made;
  }();
  return method;
}

/// Cuts what is offered into records, gathering small parts into one.
class Records {
 public:
  Records(const iovec* parts, std::size_t count) : parts_(parts), end_(parts + count) {}

  /// The next record's bytes, empty at the end; good until the next call on this thread.
  std::string_view next() {
    while (parts_ != end_ && at_ == parts_->iov_len) ++parts_, at_ = 0;
    if (parts_ == end_) return {};
    const std::size_t here = parts_->iov_len - at_;
    if (here >= TlsSession::kRecordBytes || parts_ + 1 == end_) {
      return {static_cast<const char*>(parts_->iov_base) + at_, std::min(here, TlsSession::kRecordBytes)};
    }
    static thread_local std::array<char, TlsSession::kRecordBytes> gathered;
    std::size_t used = 0;
    std::size_t at = at_;
    for (const iovec* part = parts_; part != end_ && used < gathered.size(); ++part, at = 0) {
      const auto n = std::min(part->iov_len - at, gathered.size() - used);
      if (n > 0) std::memcpy(gathered.data() + used, static_cast<const char*>(part->iov_base) + at, n);
      used += n;
    }
    return {gathered.data(), used};
  }
  void take(std::size_t n) {
    while (n > 0) {
      const auto here = std::min(n, parts_->iov_len - at_);
      at_ += here;
      n -= here;
      if (n > 0) ++parts_, at_ = 0;
    }
  }

 private:
  const iovec* parts_;
  const iovec* end_;
  std::size_t at_ = 0;
};

constexpr std::string_view kPlainAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 47\r\nConnection: close\r\n\r\n"
    "This port speaks TLS: use https:// or wss://.\r\n";

}  // namespace

TlsSession::~TlsSession() {
  if (!established_ && counted_) metrics::count<"tls_handshakes_total">(metrics::Outcome::refused);
  // In the middle of a record nothing else can be said.
  if (!holds()) static_cast<void>(finish());
  SSL_free(ssl_);
}

bool TlsSession::attach(int fd) {
  BIO* bio = BIO_new(socket_method());
  if (bio == nullptr) return false;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  return true;
}

std::ptrdiff_t TlsSession::read(std::span<char> into) {
  wants_write_ = false;
  if (broken_) return -2;
  ERR_clear_error();
  std::size_t n = 0;
  const int done = SSL_read_ex(ssl_, into.data(), into.size(), &n);
  const int how = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, done);
  if (!established_ && SSL_is_init_finished(ssl_) == 1) note_established();
  switch (how) {
    case SSL_ERROR_NONE: return static_cast<std::ptrdiff_t>(n);
    case SSL_ERROR_WANT_READ: return -1;
    case SSL_ERROR_WANT_WRITE: wants_write_ = true; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: break_off(); return -2;
  }
}

std::ptrdiff_t TlsSession::write(const iovec* parts, std::size_t count) {
  if (broken_ || !established_ || finished_ || finishing_) return -2;
  if (holds() && !flush_held()) return broken_ ? -2 : 0;
  std::size_t taken = 0;
  Records records(parts, count);
  for (auto record = records.next(); !record.empty(); record = records.next()) {
    ERR_clear_error();
    std::size_t n = 0;
    const int done = SSL_write_ex(ssl_, record.data(), record.size(), &n);
    if (done == 1) {
      records.take(n);
      taken += n;
      continue;
    }
    if (SSL_get_error(ssl_, done) != SSL_ERROR_WANT_WRITE) return break_off(), -2;
    // The record is made and partly sent; OpenSSL wants the same bytes until it is out.
    held_.assign(record);
    taken += record.size();
    break;
  }
  return static_cast<std::ptrdiff_t>(taken);
}

bool TlsSession::flush_held() {
  while (holds()) {
    ERR_clear_error();
    std::size_t n = 0;
    const int done = SSL_write_ex(ssl_, held_.data(), held_.size(), &n);
    if (done != 1) {
      if (SSL_get_error(ssl_, done) != SSL_ERROR_WANT_WRITE) break_off();
      return false;
    }
    if (n < held_.size()) {
      held_.erase(0, n);
    } else {
      held_ = {};
    }
  }
  return true;
}

bool TlsSession::finish() {
  finishing_ = false;
  if (broken_ || !established_ || finished_) return true;
  ERR_clear_error();
  const int said = SSL_shutdown(ssl_);
  if (said < 0 && SSL_get_error(ssl_, said) == SSL_ERROR_WANT_WRITE) {
    finishing_ = true;
    return false;
  }
  finished_ = true;
  return true;
}

void TlsSession::note_established() {
  established_ = true;
  if (counted_) metrics::count<"tls_handshakes_total">(metrics::Outcome::ok);
}

void TlsSession::break_off() {
  broken_ = true;
  const auto reason = ERR_peek_error();
  if (reason == 0) return;
  if (const char* text = ERR_reason_error_string(reason); text != nullptr) error_ = text;
  if (!established_ && ERR_GET_LIB(reason) == ERR_LIB_SSL && ERR_GET_REASON(reason) == SSL_R_HTTP_REQUEST) {
    answer_plain_http();
  }
}

// Someone wrote http:// for https://, and would else see a connection that just ends.
void TlsSession::answer_plain_http() {
  const int fd = fd_of(SSL_get_wbio(ssl_));
  send(fd, kPlainAnswer.data(), kPlainAnswer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  // A close with unread bytes would reset what the peer has not read yet.
  std::array<char, 8192> rest;
  for (int i = 0; i < 8 && recv(fd, rest.data(), rest.size(), MSG_DONTWAIT) > 0; ++i) continue;
}

}  // namespace gatecast::net
