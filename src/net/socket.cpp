#include "net/socket.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace gatecast::net {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

bool to_address(const Endpoint& at, Address& out) {
  in_addr v4;
  if (inet_pton(AF_INET, at.host.c_str(), &v4) == 1) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(at.port);
    a.sin_addr = v4;
    std::memcpy(&out.storage, &a, sizeof a);
    out.size = sizeof a;
    return true;
  }
  sockaddr_in6 a{};
  if (inet_pton(AF_INET6, at.host.c_str(), &a.sin6_addr) != 1) return false;
  a.sin6_family = AF_INET6;
  a.sin6_port = htons(at.port);
  std::memcpy(&out.storage, &a, sizeof a);
  out.size = sizeof a;
  return true;
}

std::string ip_text(const sockaddr_storage& from) {
  char text[INET6_ADDRSTRLEN] = "";
  if (from.ss_family == AF_INET) {
    sockaddr_in a;
    std::memcpy(&a, &from, sizeof a);
    inet_ntop(AF_INET, &a.sin_addr, text, sizeof text);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 a;
    std::memcpy(&a, &from, sizeof a);
    if (IN6_IS_ADDR_V4MAPPED(&a.sin6_addr)) {
      inet_ntop(AF_INET, &a.sin6_addr.s6_addr[12], text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof text);
    }
  }
  return text;
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(Errc::config_invalid, fmt::format("no port in address '{}'", text));
  auto host = text.substr(0, colon);
  auto port_text = text.substr(colon + 1);
  Endpoint at;
  auto [end, ec] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), at.port);
  if (ec != std::errc{} || end != port_text.data() + port_text.size()) {
    return fail(Errc::config_invalid, fmt::format("bad port in address '{}'", text));
  }
  // Without brackets nobody could tell where an IPv6 address ends and the port begins.
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != host.contains(':')) {
    return fail(Errc::config_invalid, fmt::format("'{}': write an IPv6 address in brackets, as in [::1]:3002", text));
  }
  at.host = host.empty() ? "::" : host == "localhost" ? "127.0.0.1" : std::string(host);
  Address probe;
  if (!to_address(at, probe)) return fail(Errc::config_invalid, fmt::format("'{}' is not a numeric address", host));
  return at;
}

namespace {

Result<Fd> bind_to(const Endpoint& at, bool share) {
  Address address;
  if (!to_address(at, address)) return fail(Errc::config_invalid, fmt::format("'{}' is not numeric", at.host));
  Fd fd{socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  const int on = 1;
  const int off = 0;
  // What is accepted inherits TCP_NODELAY.
  if (!fd || setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      (share && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)) {
    return fail(Errc::config_invalid, std::strerror(errno));
  }
  if (address.storage.ss_family == AF_INET6) {
    // "::" serves IPv4 as well; a host without IPv6 says so at bind.
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
    return fail(errno == EADDRINUSE ? Errc::address_in_use : Errc::config_invalid,
                fmt::format("{}:{}: {}", at.host, at.port, std::strerror(errno)));
  }
  return fd;
}

}  // namespace

Result<void> check_free(const Endpoint& at) {
  if (at.port == 0) return {};
  auto probe = bind_to(at, false);
  if (!probe) return probe.error();
  return {};
}

Result<Fd> listen_on(const Endpoint& at) {
  auto fd = bind_to(at, true);
  if (fd && listen(fd->get(), 4096) != 0) {
    return fail(errno == EADDRINUSE ? Errc::address_in_use : Errc::config_invalid,
                fmt::format("{}:{}: {}", at.host, at.port, std::strerror(errno)));
  }
  return fd;
}

void take_nobody(int listener) {
  // Of a TCP segment for this socket: byte 13 has the flags. A listener that is closed resets what lies in its queue,
  // and SO_REUSEPORT moves nothing to another; so its queue must end before it.
  constexpr std::uint32_t kFlagsAt = 13;
  constexpr std::uint32_t kSyn = 0x02;
  constexpr std::uint32_t kWhole = 0x40000;
  sock_filter program[] = {{BPF_LD | BPF_B | BPF_ABS, 0, 0, kFlagsAt},
                           {BPF_JMP | BPF_JSET | BPF_K, 0, 1, kSyn},
                           {BPF_RET | BPF_K, 0, 0, 0},
                           {BPF_RET | BPF_K, 0, 0, kWhole}};
  const sock_fprog all{.len = 4, .filter = program};
  setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all);
}

std::uint16_t port_of(int fd) {
  sockaddr_storage a{};
  socklen_t size = sizeof a;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) != 0) return 0;
  if (a.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &a, sizeof v6);
    return ntohs(v6.sin6_port);
  }
  sockaddr_in v4;
  std::memcpy(&v4, &a, sizeof v4);
  return ntohs(v4.sin_port);
}

Accepted accept_from(int listener, bool& exhausted) {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  int fd = accept4(listener, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return {};
  }
  return {Fd{fd}, ip_text(from)};
}

std::ptrdiff_t Stream::read(std::span<char> into) {
  if (tls_) [[unlikely]]
    return tls_->read(into);
  auto n = recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : -2;
}

std::ptrdiff_t Stream::write(const iovec* parts, std::size_t count) {
  if (tls_) [[unlikely]]
    return tls_->write(parts, count);
  ssize_t n;
  if (count == 1) {
    n = send(fd_.get(), parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    msghdr m{};
    m.msg_iov = const_cast<iovec*>(parts);
    m.msg_iovlen = count;
    n = sendmsg(fd_.get(), &m, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS ? 0 : -2;
}

bool Stream::finish() {
  if (tls_ && !tls_->finish()) return false;
  shutdown(fd_.get(), SHUT_WR);
  return true;
}

void Stream::abort_on_close() {
  if (tls_) tls_->abandon();
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace gatecast::net
