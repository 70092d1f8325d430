// The floor: what the kernel alone charges for sending small frames to many sockets. Nothing here but accept and
// send().
//
//   bench_floor send SOCKETS ROUNDS SIZE BURST   by itself: a forked reader drains; CPU and system calls a frame
//   bench_floor serve SOCKETS SIZE BURST         driven: prints its port, accepts; one round for each byte on stdin
//   bench_floor close SOCKETS                    driven: prints its port, accepts; at a byte on stdin a close frame to
//                                                each, and each is closed
//
// A round writes BURST frames of SIZE bytes to each socket, all of them in one send() call. CPU is that of the sending
// process, user and system; on loopback this includes the kernel's delivery into the reader's socket.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace {

void check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(2);
}

double cpu_ns() {
  timespec t{};
  check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0, "clock_gettime");
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int listen_here(std::uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 && listen(fd, 4096) == 0, "listen");
  check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  port = ntohs(address.sin_port);
  return fd;
}

std::vector<int> accept_all(int listener, std::size_t count) {
  std::vector<int> sockets;
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    check(fd >= 0, "accept");
    const int on = 1;
    check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
    sockets.push_back(fd);
  }
  return sockets;
}

/// BURST unmasked WebSocket text frames of `size` bytes in all, so that a client's frame splitter can count them.
std::string make_frames(std::size_t size, std::size_t burst) {
  check(size >= 2 && size <= 127, "a frame has 2 to 127 bytes");
  std::string frame = {static_cast<char>(0x81), static_cast<char>(size - 2)};
  frame.append(size - 2, 'x');
  std::string all;
  for (std::size_t i = 0; i < burst; ++i) all += frame;
  return all;
}

/// One send() per socket; how many calls it took, more than one a socket only where a reader fell behind.
std::size_t round_of_sends(const std::vector<int>& sockets, const std::string& bytes) {
  std::size_t calls = 0;
  for (const int fd : sockets) {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      ++calls;
      if (n > 0) {
        done += static_cast<std::size_t>(n);
        continue;
      }
      check(errno == EAGAIN, "send");
      pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
      poll(&writable, 1, -1);
      ++calls;
    }
  }
  return calls;
}

/// The other end: connects, then for every byte on `go` reads until `bytes` came in all, and answers a byte on `done`.
[[noreturn]] void drain(std::uint16_t port, std::size_t count, std::size_t bytes, int go, int done) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int poller = epoll_create1(0);
  const sockaddr_in address = loopback(port);
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }
  std::vector<char> buffer(256 * 1024);
  std::vector<epoll_event> events(512);
  for (char byte; read(go, &byte, 1) == 1;) {
    for (std::size_t got = 0; got < bytes;) {
      const int ready = epoll_wait(poller, events.data(), 512, -1);
      for (int i = 0; i < ready; ++i) {
        const ssize_t n = read(events[static_cast<std::size_t>(i)].data.fd, buffer.data(), buffer.size());
        if (n > 0) got += static_cast<std::size_t>(n);
      }
    }
    check(write(done, &byte, 1) == 1, "write");
  }
  std::exit(0);
}

int send_alone(std::size_t count, std::size_t rounds, std::size_t size, std::size_t burst) {
  std::uint16_t port = 0;
  const int listener = listen_here(port);
  int go[2];
  int done[2];
  check(pipe(go) == 0 && pipe(done) == 0, "pipe");
  const std::string bytes = make_frames(size, burst);
  const pid_t reader = fork();
  if (reader == 0) {
    close(go[1]);
    drain(port, count, bytes.size() * count, go[0], done[1]);
  }
  const std::vector<int> sockets = accept_all(listener, count);
  double cpu = 0;
  std::size_t calls = 0;
  for (std::size_t i = 0; i < rounds + 2; ++i) {
    char byte = 'x';
    check(write(go[1], &byte, 1) == 1, "write");
    const double before = cpu_ns();
    const std::size_t made = round_of_sends(sockets, bytes);
    if (i >= 2) {  // the first two warm the sockets
      cpu += cpu_ns() - before;
      calls += made;
    }
    check(read(done[0], &byte, 1) == 1, "read");
  }
  close(go[1]);
  waitpid(reader, nullptr, 0);
  const double frames = static_cast<double>(count * burst * rounds);
  std::printf(
      "%zu sockets, %zu bytes, burst %zu: %.3f us CPU per frame, %.3f per send(), %.4f system calls per frame\n", count,
      size, burst, cpu / frames / 1e3, cpu / frames / 1e3 * static_cast<double>(burst),
      static_cast<double>(calls) / frames);
  return 0;
}

int serve(std::size_t count, std::size_t size, std::size_t burst) {
  std::uint16_t port = 0;
  const int listener = listen_here(port);
  std::printf("port %u\n", port);
  std::fflush(stdout);
  const std::vector<int> sockets = accept_all(listener, count);
  std::printf("ready\n");
  std::fflush(stdout);
  const std::string bytes = make_frames(size, burst);
  for (char byte; read(STDIN_FILENO, &byte, 1) == 1;) round_of_sends(sockets, bytes);
  return 0;
}

int close_all(std::size_t count) {
  std::uint16_t port = 0;
  const int listener = listen_here(port);
  std::printf("port %u\n", port);
  std::fflush(stdout);
  const std::vector<int> sockets = accept_all(listener, count);
  std::printf("ready\n");
  std::fflush(stdout);
  // As many bytes as the disconnect push and the close frame that a client of an ended session gets.
  const std::string last = make_frames(63, 1) + std::string("\x88\x10\x11\x95", 4) + std::string(14, 'x');
  char byte;
  check(read(STDIN_FILENO, &byte, 1) == 1, "read");
  for (const int fd : sockets) {
    check(send(fd, last.data(), last.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(last.size()), "send");
    check(shutdown(fd, SHUT_WR) == 0, "shutdown");
  }
  check(read(STDIN_FILENO, &byte, 1) >= 0, "read");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const rlimit files{.rlim_cur = 20000, .rlim_max = 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  const std::string mode = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) { return static_cast<std::size_t>(std::strtoul(argv[i], nullptr, 10)); };
  if (mode == "send" && argc == 6) return send_alone(number(2), number(3), number(4), number(5));
  if (mode == "serve" && argc == 5) return serve(number(2), number(3), number(4));
  if (mode == "close" && argc == 3) return close_all(number(2));
  std::fprintf(stderr, "bench_floor send SOCKETS ROUNDS SIZE BURST | serve SOCKETS SIZE BURST | close SOCKETS\n");
  return 2;
}
