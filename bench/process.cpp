#include "bench/process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

namespace gatecast::bench {

void die(std::string_view why) {
  fmt::print(stderr, "bench: {}\n", why);
  std::exit(2);
}

void require(bool good, std::string_view what) {
  if (!good) die(fmt::format("{}: {}", what, std::strerror(errno)));
}

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  require(bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0, "bind");
  require(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  close(fd);
  return ntohs(address.sin_port);
}

Process::Process(const std::vector<std::string>& arguments, bool quiet) {
  // A child that has died must not take the benchmark with it when written to.
  std::signal(SIGPIPE, SIG_IGN);
  int in[2];
  int out[2];
  require(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
  int log = -1;
  if (quiet) {
    char path[] = "/tmp/gatecast-bench-log-XXXXXX";
    log = mkostemp(path, O_CLOEXEC);
    require(log >= 0, "log file");
    log_path_ = path;
  }
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  require(pid_ >= 0, "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGPIPE, SIG_DFL);
    dup2(in[0], STDIN_FILENO);
    dup2(log >= 0 ? log : out[1], STDOUT_FILENO);
    if (log >= 0) dup2(log, STDERR_FILENO);
    // Settings of the benchmark are none of the server's, which refuses variables it does not know.
    for (const char* ours : {"GATECAST_BENCH_SHARDS", "GATECAST_BENCH_SERVER"}) unsetenv(ours);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  if (log >= 0) close(log);
  in_ = in[1];
  out_ = out[0];
}

bool Process::running() {
  if (pid_ < 0) return false;
  if (waitpid(pid_, nullptr, WNOHANG) != pid_) return true;
  pid_ = -1;
  return false;
}

std::chrono::nanoseconds Process::cpu() const {
  clockid_t clock{};
  if (clock_getcpuclockid(pid_, &clock) != 0) die("the measured process is gone");
  timespec t{};
  require(clock_gettime(clock, &t) == 0, "CPU clock");
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

std::uint64_t Process::pss_bytes() const {
  std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid_));
  for (std::string line; std::getline(rollup, line);) {
    if (line.starts_with("Pss:")) return std::strtoull(line.c_str() + 4, nullptr, 10) * 1024;
  }
  die("no Pss in smaps_rollup");
}

void Process::write(std::string_view bytes) {
  require(::write(in_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "write to a child");
}

std::string Process::read_line() {
  std::string line;
  for (char c; ::read(out_, &c, 1) == 1;) {
    if (c == '\n') return line;
    line += c;
  }
  die("a child ended without a word");
}

void Process::stop(int signal_number) {
  if (in_ >= 0) close(in_);
  in_ = -1;
  if (pid_ > 0) {
    kill(pid_, signal_number);
    for (int i = 0; i < 1000 && running(); ++i) usleep(10'000);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }
  if (out_ >= 0) close(out_);
  out_ = -1;
}

}  // namespace gatecast::bench
