#include "net/socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace gatecast::net {
namespace {

TEST(ParseEndpoint, Accepts) {
  struct Case {
    std::string_view text;
    std::string_view host;
    std::uint16_t port;
  };
  for (const auto& c : {
           Case{"127.0.0.1:3002", "127.0.0.1", 3002},
           Case{"0.0.0.0:0", "0.0.0.0", 0},
           Case{"255.255.255.255:65535", "255.255.255.255", 65535},
           Case{"[::1]:3002", "::1", 3002},
           Case{"[::]:1", "::", 1},
           Case{"[2001:db8::5]:443", "2001:db8::5", 443},
           Case{"[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80},
           Case{":3002", "::", 3002},
           Case{"localhost:80", "127.0.0.1", 80},
       }) {
    const auto at = parse_endpoint(c.text);
    ASSERT_TRUE(at.has_value()) << c.text;
    EXPECT_EQ(at->host, c.host) << c.text;
    EXPECT_EQ(at->port, c.port) << c.text;
  }
}

TEST(ParseEndpoint, Refuses) {
  for (const std::string_view text :
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:80x", "127.0.0.1: 80", "127.0.0.1:+80",
        "127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:99999999999999999999", "127.0.0:80", "127.0.0.1.1:80",
        "256.0.0.1:80", " 127.0.0.1:80", "example.com:80", "LOCALHOST:80", "*:80", "3002", "[::1]", "[::1]:", "[::1:80",
        "::1]:80", "[]:80", "[127.0.0.1]:80", "[localhost]:80", "[::1]80", "[[::1]]:80", "[fe80::1%lo]:80",
        // Where would the address end?
        "::1:80", "::1", "::", ":::80", "2001:db8::5:80", "1::2:3"}) {
    const auto at = parse_endpoint(text);
    ASSERT_FALSE(at.has_value()) << text;
    EXPECT_EQ(at.error().code, Errc::config_invalid) << text;
    EXPECT_FALSE(at.error().detail.empty()) << text;
  }
}

TEST(ParseEndpoint, EveryPrefixIsRefusedOrWhole) {
  const std::string_view text = "[::1]:3002";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_EQ(parse_endpoint(text.substr(0, cut)).has_value(), cut > text.find("]:") + 2) << cut;
  }
}

/// A connected pair over loopback; `ours` is what was accepted.
class Tcp : public ::testing::Test {
 protected:
  Fd connect_to(const Endpoint& at) {
    Fd fd{socket(at.host.contains(':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    int outcome = -1;
    if (at.host.contains(':')) {
      sockaddr_in6 a{};
      a.sin6_family = AF_INET6;
      a.sin6_port = htons(at.port);
      a.sin6_addr = in6addr_loopback;
      outcome = connect(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a);
    } else {
      sockaddr_in a{};
      a.sin_family = AF_INET;
      a.sin_port = htons(at.port);
      a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      outcome = connect(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a);
    }
    EXPECT_EQ(outcome, 0) << std::strerror(errno);
    return fd;
  }
  static Accepted accept_one(const Fd& listener) {
    wait_for(listener.get(), POLLIN);
    bool exhausted = false;
    auto accepted = accept_from(listener.get(), exhausted);
    EXPECT_FALSE(exhausted);
    EXPECT_TRUE(static_cast<bool>(accepted.fd));
    return accepted;
  }
  static void wait_for(int fd, short events) {
    pollfd p{fd, events, 0};
    EXPECT_EQ(poll(&p, 1, 10'000), 1);
  }
  static Fd listen_here(const Endpoint& at) {
    auto fd = listen_on(at);
    EXPECT_TRUE(fd.has_value()) << (fd ? "" : fd.error().detail);
    return fd ? std::move(*fd) : Fd{};
  }
  struct Both {
    Stream ours;
    Fd theirs;
  };
  Both both() {
    const auto listener = listen_here({"127.0.0.1", 0});
    auto theirs = connect_to({"127.0.0.1", port_of(listener.get())});
    return {Stream(accept_one(listener).fd), std::move(theirs)};
  }
  static bool has_ipv6() { return listen_on({"::1", 0}).has_value(); }
};

TEST_F(Tcp, ShardsShareAPort) {
  const auto first = listen_here({"127.0.0.1", 0});
  const auto port = port_of(first.get());
  EXPECT_NE(port, 0);
  const auto second = listen_here({"127.0.0.1", port});
  EXPECT_EQ(port_of(second.get()), port);
  EXPECT_NE(first.get(), second.get());
  // Which of the two gets it is the kernel's choice.
  const auto client = connect_to({"127.0.0.1", port});
  std::array<pollfd, 2> p{pollfd{first.get(), POLLIN, 0}, pollfd{second.get(), POLLIN, 0}};
  EXPECT_EQ(poll(p.data(), 2, 10'000), 1);
}

TEST_F(Tcp, SaysThatAnAddressIsInUse) {
  // One that does not share its port, as another program's.
  Fd holder{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(holder.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
  ASSERT_EQ(listen(holder.get(), 1), 0);
  const auto port = port_of(holder.get());
  const auto refused = listen_on({"127.0.0.1", port});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::address_in_use);
  EXPECT_NE(refused.error().detail.find(std::to_string(port)), std::string::npos);
  holder.reset();
  EXPECT_TRUE(listen_on({"127.0.0.1", port}).has_value());
}

TEST_F(Tcp, RefusesAddressesThatAreNotHere) {
  const auto elsewhere = listen_on({"192.0.2.1", 0});
  ASSERT_FALSE(elsewhere.has_value());
  EXPECT_EQ(elsewhere.error().code, Errc::config_invalid);
  EXPECT_FALSE(listen_on({"a name", 0}).has_value());
}

TEST_F(Tcp, AcceptsWithTheClientsAddress) {
  const auto listener = listen_here({"127.0.0.1", 0});
  bool exhausted = false;
  EXPECT_FALSE(static_cast<bool>(accept_from(listener.get(), exhausted).fd)) << "nobody has come";
  EXPECT_FALSE(exhausted);
  const auto client = connect_to({"127.0.0.1", port_of(listener.get())});
  const auto accepted = accept_one(listener);
  EXPECT_EQ(accepted.ip, "127.0.0.1");
  int on = 0;
  socklen_t size = sizeof on;
  EXPECT_EQ(getsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
  EXPECT_NE(on, 0);
  EXPECT_NE(fcntl(accepted.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(accepted.fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(fcntl(listener.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(Tcp, ListensOnIpv6AndOnAll) {
  if (!has_ipv6()) GTEST_SKIP() << "this host has no IPv6";
  const auto six = listen_here({"::1", 0});
  const auto client = connect_to({"::1", port_of(six.get())});
  EXPECT_EQ(accept_one(six).ip, "::1");

  const auto all = listen_here({"::", 0});
  const auto by_six = connect_to({"::1", port_of(all.get())});
  EXPECT_EQ(accept_one(all).ip, "::1");
  const auto by_four = connect_to({"127.0.0.1", port_of(all.get())});
  EXPECT_EQ(accept_one(all).ip, "127.0.0.1") << "not ::ffff:127.0.0.1, or it would have limits of its own";
}

TEST_F(Tcp, SaysThatDescriptorsRanOut) {
  const auto listener = listen_here({"127.0.0.1", 0});
  const auto client = connect_to({"127.0.0.1", port_of(listener.get())});
  wait_for(listener.get(), POLLIN);
  std::vector<Fd> all;
  for (;;) {
    Fd fd{dup(listener.get())};
    if (!fd) break;
    all.push_back(std::move(fd));
    if (all.size() > 200'000) GTEST_SKIP() << "descriptors are not bounded here";
  }
  bool exhausted = false;
  EXPECT_FALSE(static_cast<bool>(accept_from(listener.get(), exhausted).fd));
  EXPECT_TRUE(exhausted);
  all.clear();
  EXPECT_EQ(accept_one(listener).ip, "127.0.0.1");
}

TEST_F(Tcp, ReadsAndWrites) {
  auto [ours, theirs] = both();
  std::array<char, 16> buffer;
  EXPECT_EQ(ours.read(buffer), -1) << "nothing to read";
  ASSERT_EQ(send(theirs.get(), "hello", 5, 0), 5);
  wait_for(ours.fd(), POLLIN);
  EXPECT_EQ(ours.read(buffer), 5);
  EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");

  std::string a = "one";
  std::string b = "two!";
  const std::array<iovec, 3> parts{iovec{a.data(), a.size()}, iovec{b.data(), b.size()}, iovec{a.data(), a.size()}};
  EXPECT_EQ(ours.write(parts.data(), 3), 10);
  EXPECT_EQ(ours.write(parts.data(), 1), 3);
  std::array<char, 32> got;
  EXPECT_EQ(recv(theirs.get(), got.data(), 13, MSG_WAITALL), 13);
  EXPECT_EQ(std::string_view(got.data(), 13), "onetwo!oneone");
}

// A peer that does not read: the kernel takes a part, then nothing, and goes on where it stopped.
TEST_F(Tcp, ShortWritesOnAFullBuffer) {
  for (const std::size_t count : {1u, 3u}) {
    auto [ours, theirs] = both();
    std::string all;
    while (all.size() < 16u << 20) all += fmt::format("{},", all.size());
    std::size_t sent = 0;
    bool partial = false;
    const auto push = [&] {
      for (;;) {
        std::array<iovec, 3> parts;
        const std::size_t left = all.size() - sent;
        const std::size_t each = left / count;
        for (std::size_t i = 0; i < count; ++i) {
          parts[i] = {all.data() + sent + i * each, i + 1 == count ? left - i * each : each};
        }
        if (left == 0) return;
        const auto n = ours.write(parts.data(), count);
        ASSERT_GE(n, 0);
        if (n == 0) return;
        partial = partial || static_cast<std::size_t>(n) < left;
        sent += static_cast<std::size_t>(n);
      }
    };
    push();
    EXPECT_LT(sent, all.size());
    EXPECT_GT(sent, 0u);
    EXPECT_TRUE(partial);
    std::string got;
    std::vector<char> buffer(1 << 20);
    while (got.size() < all.size()) {
      wait_for(theirs.get(), POLLIN);
      const auto n = recv(theirs.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      ASSERT_GT(n, 0);
      got.append(buffer.data(), static_cast<std::size_t>(n));
      push();
    }
    EXPECT_TRUE(got == all);
  }
}

TEST_F(Tcp, FinishEndsOurHalfOnly) {
  auto [ours, theirs] = both();
  std::string text = "last";
  const iovec part{text.data(), text.size()};
  EXPECT_EQ(ours.write(&part, 1), 4);
  ours.finish();
  std::array<char, 16> got;
  EXPECT_EQ(recv(theirs.get(), got.data(), 4, MSG_WAITALL), 4);
  EXPECT_EQ(recv(theirs.get(), got.data(), 1, 0), 0);
  ASSERT_EQ(send(theirs.get(), "still", 5, 0), 5);
  wait_for(ours.fd(), POLLIN);
  EXPECT_EQ(ours.read(got), 5);
  theirs.reset();
  wait_for(ours.fd(), POLLIN);
  EXPECT_EQ(ours.read(got), 0) << "the peer closed";
}

TEST_F(Tcp, BrokenPipeIsAValueAndNoSignal) {
  auto [ours, theirs] = both();
  // Closing will reset, so that the peer's end is gone at once.
  const linger now{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(setsockopt(theirs.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
  theirs.reset();
  wait_for(ours.fd(), POLLIN);
  std::array<char, 4> buffer;
  EXPECT_EQ(ours.read(buffer), -2);
  std::string text = "x";
  const std::array<iovec, 2> parts{iovec{text.data(), 1}, iovec{text.data(), 1}};
  EXPECT_EQ(ours.write(parts.data(), 1), -2);
  EXPECT_EQ(ours.write(parts.data(), 2), -2);
}

TEST_F(Tcp, AListenerThatTakesNobodyKeepsWhoCameBefore) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    const auto listener = listen_here({host, 0});
    const Endpoint at{host, port_of(listener.get())};
    const Fd before = connect_to(at);
    ASSERT_EQ(send(before.get(), "a", 1, 0), 1);
    take_nobody(listener.get());

    const bool v6 = at.host.contains(':');
    const Fd after{socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_storage to{};
    socklen_t size = sizeof to;
    ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&to), &size), 0);
    EXPECT_EQ(connect(after.get(), reinterpret_cast<const sockaddr*>(&to), size), -1);
    pollfd p{after.get(), POLLOUT, 0};
    EXPECT_EQ(poll(&p, 1, 100), 0) << "neither taken nor refused";

    // Who came before is served as ever.
    Stream ours(accept_one(listener).fd);
    ASSERT_EQ(send(before.get(), "b", 1, 0), 1);
    std::array<char, 4> buffer;
    std::string got;
    while (got.size() < 2) {
      wait_for(ours.fd(), POLLIN);
      const auto n = ours.read(buffer);
      ASSERT_GT(n, 0);
      got.append(buffer.data(), static_cast<std::size_t>(n));
    }
    EXPECT_EQ(got, "ab");
  }
}

TEST_F(Tcp, AbortOnCloseResets) {
  auto connection = std::make_unique<Both>(both());
  const Fd theirs = std::move(connection->theirs);
  connection->ours.abort_on_close();
  connection.reset();
  wait_for(theirs.get(), POLLIN);
  char byte;
  EXPECT_EQ(recv(theirs.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(Fd, ClosesOnceAndMoves) {
  int raw = -1;
  {
    Fd fd{dup(0)};
    raw = fd.get();
    ASSERT_GE(raw, 0);
    Fd moved = std::move(fd);
    EXPECT_EQ(moved.get(), raw);
    Fd assigned{dup(0)};
    const int replaced = assigned.get();
    assigned = std::move(moved);
    EXPECT_EQ(assigned.get(), raw);
    EXPECT_EQ(fcntl(replaced, F_GETFD), -1) << "what it held before is closed";
    EXPECT_NE(fcntl(raw, F_GETFD), -1);
  }
  EXPECT_EQ(fcntl(raw, F_GETFD), -1);
  EXPECT_FALSE(static_cast<bool>(Fd{}));
}

}  // namespace
}  // namespace gatecast::net
