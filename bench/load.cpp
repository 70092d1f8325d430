#include "bench/load.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "bench/frames.hpp"
#include "bench/process.hpp"

namespace gatecast::bench {

namespace {

// Connections from one source address; well below the 28,000 ephemeral ports, some of which linger in TIME_WAIT.
constexpr std::size_t kPerSource = 5000;
constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::uint64_t kAlso = ~std::uint64_t{0};

sockaddr_in address_of(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(host);
  return address;
}

}  // namespace

Load::Load(LoadOptions options)
    : options_(std::move(options)),
      publication_(fmt::format(R"({{"push":{{"channel":"{})", options_.channel.substr(0, options_.channel.find('{')))),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      clients_(options_.connections),
      buffer_(kBufferBytes) {
  require(epoll_ >= 0, "epoll");
  if (options_.remembers) places_ = std::make_unique<Places>(options_.connections);
}

Load::~Load() {
  for (const Client& client : clients_) {
    if (client.fd >= 0) close(client.fd);
  }
  close(epoll_);
}

void Load::watch(std::size_t index, std::uint32_t events, bool add) {
  epoll_event event{.events = events, .data = {.u64 = index}};
  require(epoll_ctl(epoll_, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, clients_[index].fd, &event) == 0, "epoll_ctl");
}

void Load::start(std::size_t index) {
  Client& client = clients_[index];
  client = {};
  client.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  require(client.fd >= 0, "socket");
  ++alive_;
  client.sampled = index % options_.sample_every == 0;
  const int on = 1;
  setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(client.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const auto number = static_cast<std::uint32_t>((options_.first + index) / kPerSource);
  const auto source = address_of(INADDR_LOOPBACK + number, 0);
  require(bind(client.fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0, "bind");
  const auto target = address_of(INADDR_LOOPBACK, options_.port);
  const int done = connect(client.fd, reinterpret_cast<const sockaddr*>(&target), sizeof target);
  require(done == 0 || errno == EINPROGRESS, "connect");
  watch(index, EPOLLOUT, true);
}

void Load::open() {
  std::vector<std::size_t> away;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i].fd < 0) away.push_back(i);
  }
  const std::size_t before = ready_;
  closed_ = 0;
  std::size_t started = 0;
  const std::int64_t give_up = now_ns() + 120'000'000'000;
  while (ready_ - before < away.size()) {
    while (started < away.size() && started < ready_ - before + options_.opening) start(away[started++]);
    poll(100);
    if (now_ns() > give_up) die(fmt::format("{} of {} connections after two minutes", ready_, clients_.size()));
  }
}

bool Load::poll(int timeout_ms, int also) {
  if (also != also_ && also >= 0) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = kAlso}};
    require(epoll_ctl(epoll_, EPOLL_CTL_ADD, also, &event) == 0, "epoll_ctl");
    also_ = also;
  }
  epoll_event events[512];
  const int count = epoll_wait(epoll_, events, 512, timeout_ms);
  bool also_ready = false;
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == kAlso) {
      also_ready = true;
      continue;
    }
    const std::size_t index = events[i].data.u64;
    if (clients_[index].state == State::connecting) {
      connected(index);
    } else {
      readable(index);
    }
  }
  return also_ready;
}

void Load::abort_all() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  for (Client& client : clients_) {
    if (client.fd < 0) continue;
    // No port lingers, and the other side has nothing to answer.
    setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(client.fd);
    client = {};
  }
  alive_ = ready_ = 0;
}

void Load::connected(std::size_t index) {
  Client& client = clients_[index];
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(client.fd, SOL_SOCKET, SO_ERROR, &error, &length);
  errno = error;
  require(error == 0, "connect");
  watch(index, EPOLLIN, false);
  if (options_.speaks == Speaks::nothing) return ready(index);
  client.state = State::upgrading;
  const std::string_view target = options_.speaks == Speaks::gatecast   ? "/connection/websocket"
                                  : options_.speaks == Speaks::socketio ? "/socket.io/?EIO=4&transport=websocket"
                                                                        : "/";
  out_ = fmt::format(
      "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
      target);
  require(send(client.fd, out_.data(), out_.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out_.size()), "upgrade");
}

void Load::readable(std::size_t index) {
  Client& client = clients_[index];
  for (;;) {
    // What was torn goes before what comes, in the shared buffer.
    std::copy(client.torn.begin(), client.torn.end(), buffer_.begin());
    const std::size_t old = client.torn.size();
    const std::size_t room = buffer_.size() - old;
    const ssize_t n = recv(client.fd, buffer_.data() + old, room, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 && client.closed_ns != 0) return end(index);
    if (n <= 0) die(fmt::format("the server closed connection {}", index));
    if (client.sampled) read_at_ns_ = now_ns();
    const std::string_view bytes(buffer_.data(), old + static_cast<std::size_t>(n));
    std::size_t used = client.state == State::upgrading ? take_upgrade(index, bytes) : 0;
    if (client.state != State::upgrading) used += take_frames(index, bytes.substr(used));
    client.torn.assign(bytes.substr(used));
    if (client.torn.size() == kBufferBytes) die("a frame larger than the buffer");
    if (static_cast<std::size_t>(n) < room) return;
  }
}

std::size_t Load::take_frames(std::size_t index, std::string_view bytes) {
  std::size_t at = 0;
  while (const auto frame = first_frame(bytes.substr(at))) {
    at += frame->bytes;
    if (frame->first == 0x88 && options_.may_close) {
      note_closed(index);
    } else if (frame->first == 0x88) {
      const std::string_view why = frame->payload.substr(std::min<std::size_t>(2, frame->payload.size()));
      die(fmt::format("connection {} closed: {}", index, why));
    } else if (frame->first != 0x81) {
      die(fmt::format("an unexpected frame, first byte {:#x}", frame->first));
    } else {
      take_message(index, frame->payload);
    }
  }
  return at;
}

void Load::note_closed(std::size_t index) {
  if (clients_[index].closed_ns != 0) return;
  clients_[index].closed_ns = now_ns();
  ++closed_;
  // Our half of the closing handshake: the server waits for it.
  static constexpr char kClose[] = {static_cast<char>(0x88), static_cast<char>(0x82), 0, 0, 0, 0, 0x03,
                                    static_cast<char>(0xe8)};
  static_cast<void>(send(clients_[index].fd, kClose, sizeof kClose, MSG_NOSIGNAL));
}

void Load::end(std::size_t index) {
  Client& client = clients_[index];
  close(std::exchange(client.fd, -1));
  client.state = State::connecting;
  client.torn.clear();
  --alive_;
  --ready_;
}

void Load::say(std::size_t index, std::string_view text) {
  if (clients_[index].fd >= 0 && clients_[index].closed_ns == 0) send_text(clients_[index], text);
}

void Load::echo(std::size_t times) {
  if (times == 0) return;
  echoing_ = clients_.size();
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    clients_[i].echoes = static_cast<std::uint32_t>(times);
    say_echo(i);
  }
}

void Load::say_echo(std::size_t index) {
  clients_[index].awaited = options_.echo_frames;
  send_text(clients_[index], numbered(options_.echo, options_.first + index));
}

/// A message that was waited for.
void Load::count(std::size_t index) {
  ++received_;
  Client& client = clients_[index];
  if (client.echoes == 0 || --client.awaited != 0) return;
  if (--client.echoes == 0) {
    --echoing_;
  } else {
    say_echo(index);
  }
}

void Load::send_text(Client& client, std::string_view text) {
  out_.clear();
  append_masked(out_, text);
  require(send(client.fd, out_.data(), out_.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out_.size()), "send");
}

}  // namespace gatecast::bench
