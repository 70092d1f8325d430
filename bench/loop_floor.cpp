// The floor of connecting and of echoes: an epoll loop that does what nobody can leave out, and nothing else.
//
//   bench_loop_floor upgrade            prints its port; answers a request's head with 101 and Sec-WebSocket-Accept
//   bench_loop_floor echo BYTES BYTES   prints its port; for every masked frame two frames of so many bytes
//   bench_loop_floor greet BYTES BYTES  both: the upgrade of a connection, then its frames
//   bench_loop_floor greet BYTES BYTES signed   and the verification of an Ed25519 signature for each frame it gets
//
// As a careful server does: up to 64 accepts a turn, TCP_NODELAY, one read of up to 64 KB a ready socket, one send for
// what it caused, a socket closed when its peer has gone. No time-outs, no bounds, no checks.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

void check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(2);
}

int listen_here() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  // What is accepted inherits it.
  const int on = 1;
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 && listen(fd, 4096) == 0, "listen");
  check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  std::printf("port %u\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

/// One unmasked text frame of `size` bytes with its head.
std::string frame_of(std::size_t size) {
  check(size >= 2 && size <= 65539, "a frame has 2 to 65539 bytes");
  if (size <= 127)
    return std::string{static_cast<char>(0x81), static_cast<char>(size - 2)} + std::string(size - 2, 'x');
  const std::size_t length = size - 4;
  return std::string{static_cast<char>(0x81), 126, static_cast<char>(length >> 8), static_cast<char>(length & 0xFF)} +
         std::string(length, 'x');
}

/// The 101 for a whole request head.
std::string upgraded(std::string_view head) {
  constexpr std::string_view kField = "Sec-WebSocket-Key: ";
  const auto at = head.find(kField);
  check(at != std::string_view::npos, "a key");
  std::string key(head.substr(at + kField.size()));
  key.resize(key.find('\r'));
  key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
  unsigned char accept[32];
  const int length = EVP_EncodeBlock(accept, digest, sizeof digest);
  std::string reply =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
  reply.append(reinterpret_cast<const char*>(accept), static_cast<std::size_t>(length));
  return reply + "\r\n\r\n";
}

/// A signature over as many bytes as an access token has.
class Signed {
 public:
  Signed() {
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_keypair(key_, secret);
    crypto_sign_detached(signature_, nullptr, message(), message_.size(), secret);
  }
  void verify() const {
    check(crypto_sign_verify_detached(signature_, message(), message_.size(), key_) == 0, "the signature");
  }

 private:
  const unsigned char* message() const { return reinterpret_cast<const unsigned char*>(message_.data()); }

  const std::string message_ = std::string(400, 'x');
  unsigned char key_[crypto_sign_PUBLICKEYBYTES];
  unsigned char signature_[crypto_sign_BYTES];
};

class Server {
 public:
  Server(bool upgrades, std::string echo, bool verifies)
      : upgrades_(upgrades), verifies_(verifies), echo_(std::move(echo)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    listener_ = listen_here();
    add(listener_);
  }

  [[noreturn]] void run() {
    epoll_event events[512];
    for (;;) {
      const int ready = epoll_wait(epoll_, events, 512, -1);
      for (int i = 0; i < ready; ++i) {
        if (events[i].data.fd == listener_) {
          accept_some();
        } else {
          read_some(events[i].data.fd);
        }
      }
    }
  }

 private:
  void add(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    check(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }

  void accept_some() {
    for (int i = 0; i < 64; ++i) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      add(fd);
    }
  }

  void read_some(int fd) {
    const ssize_t n = recv(fd, buffer_.data(), buffer_.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      close(fd);
      return;
    }
    std::string out;
    if (upgrades_ && buffer_[0] == 'G') {
      // Of a client on loopback a head comes whole.
      out = upgraded({buffer_.data(), static_cast<std::size_t>(n)});
    } else {
      for (std::size_t at = 0; at < static_cast<std::size_t>(n);) at += unmask(buffer_.data() + at, out);
    }
    check(send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size()), "send");
  }

  /// Takes one frame that is there whole, as it is of a client that waits for its echo.
  std::size_t unmask(char* frame, std::string& out) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(frame[i])); };
    std::size_t head = 2;
    std::size_t length = byte(1) & 0x7F;
    if (length == 126) {
      length = byte(2) << 8 | byte(3);
      head = 4;
    }
    char* payload = frame + head + 4;
    for (std::size_t i = 0; i < length; ++i) payload[i] = static_cast<char>(payload[i] ^ frame[head + (i & 3)]);
    if (verifies_) signed_.verify();
    out += echo_;
    return head + 4 + length;
  }

  const bool upgrades_;
  const bool verifies_;
  const Signed signed_;
  const std::string echo_;
  int epoll_ = -1;
  int listener_ = -1;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
};

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit files{.rlim_cur = 20000, .rlim_max = 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  const std::string_view mode = argc > 1 ? argv[1] : "";
  check(sodium_init() >= 0, "libsodium");
  if (mode == "upgrade" && argc == 2) Server(true, {}, false).run();
  const bool verifies = argc == 5 && std::string_view(argv[4]) == "signed";
  if ((mode == "echo" || mode == "greet") && (argc == 4 || verifies)) {
    const auto frame = [&](int i) { return frame_of(std::strtoul(argv[i], nullptr, 10)); };
    Server(mode == "greet", frame(2) + frame(3), verifies).run();
  }
  std::fprintf(stderr, "bench_loop_floor upgrade | echo BYTES BYTES | greet BYTES BYTES [signed]\n");
  return 2;
}
