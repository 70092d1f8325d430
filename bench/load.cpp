#include "bench/load.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "bench/process.hpp"

namespace gatecast::bench {

namespace {

// Connections that may be on their way at once: more would overflow the listener's queue.
constexpr std::size_t kOpening = 256;
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
      publication_(fmt::format(R"({{"push":{{"channel":"{}","pub":)", options_.channel)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      clients_(options_.connections),
      buffer_(kBufferBytes) {
  require(epoll_ >= 0, "epoll");
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
  client.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  require(client.fd >= 0, "socket");
  client.sampled = index % options_.sample_every == 0;
  const int on = 1;
  setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(client.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const auto source = address_of(INADDR_LOOPBACK + static_cast<std::uint32_t>(index / kPerSource), 0);
  require(bind(client.fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0, "bind");
  const auto target = address_of(INADDR_LOOPBACK, options_.port);
  const int done = connect(client.fd, reinterpret_cast<const sockaddr*>(&target), sizeof target);
  require(done == 0 || errno == EINPROGRESS, "connect");
  watch(index, EPOLLOUT, true);
}

void Load::open() {
  std::size_t started = 0;
  const std::int64_t give_up = now_ns() + 120'000'000'000;
  while (ready_ < clients_.size()) {
    while (started < clients_.size() && started < ready_ + kOpening) start(started++);
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

void Load::connected(std::size_t index) {
  Client& client = clients_[index];
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(client.fd, SOL_SOCKET, SO_ERROR, &error, &length);
  errno = error;
  require(error == 0, "connect");
  watch(index, EPOLLIN, false);
  if (options_.raw) {
    client.state = State::ready;
    ++ready_;
    return;
  }
  client.state = State::upgrading;
  static constexpr std::string_view kUpgrade =
      "GET /connection/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  require(send(client.fd, kUpgrade.data(), kUpgrade.size(), MSG_NOSIGNAL) == ssize_t{kUpgrade.size()}, "upgrade");
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
    if (static_cast<std::size_t>(n) < room) return;
  }
}

std::size_t Load::take_upgrade(std::size_t index, std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (!bytes.starts_with("HTTP/1.1 101")) die(fmt::format("no upgrade: {}", bytes));
  Client& client = clients_[index];
  client.state = State::joining;
  std::string commands = R"({"id":1,"connect":{"name":"bench")";
  if (!options_.tokens.empty()) {
    commands += fmt::format(R"(,"token":"{}")", options_.tokens[index % options_.tokens.size()]);
  }
  commands += "}}";
  if (!options_.channel.empty()) {
    commands += fmt::format("\n{{\"id\":2,\"subscribe\":{{\"channel\":\"{}\"}}}}", options_.channel);
  }
  send_text(client, commands);
  return end + 4;
}

std::size_t Load::take_frames(std::size_t index, std::string_view bytes) {
  std::size_t at = 0;
  for (;;) {
    const std::string_view rest = bytes.substr(at);
    if (rest.size() < 2) return at;
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(rest[i])); };
    std::size_t head = 2;
    std::size_t length = byte(1) & 0x7F;
    if (length >= 126) {
      const std::size_t extra = length == 126 ? 2 : 8;
      head += extra;
      if (rest.size() < head) return at;
      length = 0;
      for (std::size_t i = 0; i < extra; ++i) length = length << 8 | byte(2 + i);
      if (length + head > kBufferBytes) die("a frame larger than the buffer");
    }
    if (rest.size() < head + length) return at;
    at += head + length;
    if (byte(0) == 0x88 && options_.may_close) {
      note_closed(index);
      continue;
    }
    if (options_.raw) {
      ++received_;
      continue;
    }
    const std::string_view message = rest.substr(head, length);
    if (byte(0) == 0x88)
      die(fmt::format("connection {} closed: {}", index, message.substr(std::min<std::size_t>(2, length))));
    if (byte(0) != 0x81) die(fmt::format("an unexpected frame, first byte {:#x}", byte(0)));
    take_message(index, message);
  }
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

void Load::end(std::size_t index) { epoll_ctl(epoll_, EPOLL_CTL_DEL, clients_[index].fd, nullptr); }

void Load::say(std::size_t index, std::string_view text) {
  if (clients_[index].closed_ns == 0) send_text(clients_[index], text);
}

void Load::take_message(std::size_t index, std::string_view message) {
  for (;;) {
    const auto end = message.find('\n');
    take_line(index, message.substr(0, end));
    if (end == std::string_view::npos) return;
    message.remove_prefix(end + 1);
  }
}

void Load::take_line(std::size_t index, std::string_view line) {
  Client& client = clients_[index];
  if (line.starts_with(publication_)) {
    ++received_;
    if (!client.sampled) return;
    if (const auto at = line.find("\"t\":"); at != std::string_view::npos) {
      latencies_.push_back(read_at_ns_ - std::strtoll(line.data() + at + 4, nullptr, 10));
    }
    return;
  }
  if (line == "{}") {
    if (client.state == State::ready) send_text(client, "{}");
    return;
  }
  if (client.state == State::joining && line.starts_with("{\"id\":")) {
    if (line.find("\"error\":") != std::string_view::npos) die(fmt::format("refused: {}", line));
    if (++client.replies < (options_.channel.empty() ? 1 : 2)) return;
    client.state = State::ready;
    ++ready_;
    return;
  }
  // Other pushes: system messages on the personal channel; a disconnect is followed by a close frame.
  if (!line.starts_with("{\"push\":")) die(fmt::format("unexpected: {}", line));
}

void Load::send_text(Client& client, std::string_view text) {
  static constexpr char kMask[] = {0x11, 0x22, 0x33, 0x44};
  std::string frame = {static_cast<char>(0x81)};
  if (text.size() < 126) {
    frame += static_cast<char>(0x80 | text.size());
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(text.size() >> 8);
    frame += static_cast<char>(text.size() & 0xFF);
  }
  frame.append(kMask, 4);
  for (std::size_t i = 0; i < text.size(); ++i) frame += static_cast<char>(text[i] ^ kMask[i & 3]);
  require(send(client.fd, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size()), "send");
}

}  // namespace gatecast::bench
