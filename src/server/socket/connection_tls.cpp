// What differs for a connection by TLS: readiness of the socket is not readiness of bytes.
#include <sys/epoll.h>

#include "core/log.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {
namespace {
// Read in one turn, so that replies to what a peer sent in many small records leave together.
constexpr int kRecordsATurn = 16;
}  // namespace

void Connection::on_ready_tls(std::uint32_t events) {
  auto& tls = *stream_.tls();
  // Over the turn's bound it stays ready, and has its turn in one of the next.
  if (!tls.established() && !worker_.may_shake_hands()) return;
  const bool waited = tls.wants_write();
  if ((events & EPOLLOUT) != 0) {
    if (tls.finishing()) {
      finish();
    } else if (waited) {
      read_records();
    }
    if (phase_ != Phase::buried) worker_.hub().writable(*this);
  }
  if (phase_ != Phase::buried && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_records();
  if (tls.wants_write() != waited) watch();
}

void Connection::read_records() {
  for (int i = 0; i < kRecordsATurn && read(); ++i) {
    if (phase_ == Phase::buried || !reading_) return;
  }
  if (const auto reason = stream_.tls()->error(); phase_ == Phase::buried && !reason.empty()) {
    log::info("error", {{"reason", "tls"}, {"detail", reason}, {"ip", ip_}});
  }
}

void Connection::finish() {
  if (!stream_.finish()) watch();
}

}  // namespace gatecast::server
