// For tests: a real redis-server on a free port with nothing on disk, and a loop with a thread of its own.
//
// TestRedis can pause, kill, start again empty, and have replicas. It dies with the test. `command` speaks to it over a
// connection of its own, blocking.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "adapters/redis/command_text.hpp"
#include "adapters/redis/resp_decoder.hpp"
#include "core/task.hpp"
#include "net/epoll_loop.hpp"

namespace gatecast::redis::testing {

inline std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ::bind(fd, reinterpret_cast<sockaddr*>(&at), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(fd);
  return ntohs(at.sin_port);
}

/// A blocking connection; a null descriptor (-1) where nobody listens.
inline int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(port);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) return fd;
  ::close(fd);
  return -1;
}

class TestRedis {
 public:
  /// `args` as on the command line: {"--requirepass", "x"}. With "--sentinel" as the first it is a sentinel.
  explicit TestRedis(std::vector<std::string> args = {}) : args_(std::move(args)), port_(free_port()) {
    folder_ = ::testing::TempDir() + "gatecast-redis-XXXXXX";
    if (mkdtemp(folder_.data()) == nullptr) std::abort();
    start();
  }
  ~TestRedis() {
    kill();
    if (fd_ >= 0) ::close(fd_);
    std::filesystem::remove_all(folder_);
  }
  TestRedis(const TestRedis&) = delete;
  TestRedis& operator=(const TestRedis&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  const std::string& folder() const { return folder_; }
  /// For `command`, where it has a password.
  void log_in_with(std::string password) { password_ = std::move(password); }

  void start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    std::vector<std::string> line{"redis-server"};
    const bool sentinel = !args_.empty() && args_[0] == "--sentinel";
    if (sentinel) line.push_back(config_file());
    for (std::string_view arg : {"--port", "PORT", "--bind", "127.0.0.1", "--dir", "DIR"}) {
      line.push_back(arg == "PORT" ? std::to_string(port_) : arg == "DIR" ? folder_ : std::string(arg));
    }
    if (!sentinel) {
      line.insert(line.end(), {"--save", "", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"});
    }
    line.insert(line.end(), args_.begin(), args_.end());
    std::vector<char*> argv;
    for (auto& one : line) argv.push_back(one.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], 1);
      ::dup2(ends[1], 2);
      ::execvp("redis-server", argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    ready_ = ended_ = false;
    reader_ = std::thread([this, from = ends[0]] { drain(from); });
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds{10}, [this] { return ready_ || ended_; });
    if (!ready_) ADD_FAILURE() << "redis-server did not start:\n" << said_;
  }
  /// The kernel goes on taking connections and bytes; nothing is answered.
  void pause() {
    ::kill(pid_, SIGSTOP);
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
  }
  void resume() { ::kill(pid_, SIGCONT); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    reader_.join();
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// Killed and started again at the same port, with nothing in it.
  void restart() {
    kill();
    start();
  }

  /// A replica that has all the master has.
  std::unique_ptr<TestRedis> add_replica() {
    auto replica = std::make_unique<TestRedis>(
        std::vector<std::string>{"--replicaof", "127.0.0.1 " + std::to_string(port_), "--replica-priority", "10"});
    command({"SET", "gatecast-test-replica", "1"});
    EXPECT_GE(command({"WAIT", "1", "10000"}).number, 1);
    command({"DEL", "gatecast-test-replica"});
    return replica;
  }
  /// It is its own master from now on.
  void promote() { command({"REPLICAOF", "NO", "ONE"}); }

  Value command(const std::vector<std::string_view>& texts) {
    if (fd_ < 0) {
      fd_ = connect_to(port_);
      if (!password_.empty()) exchange(command_text(std::vector<std::string_view>{"AUTH", password_}));
    }
    return exchange(command_text(texts));
  }

 private:
  Value exchange(const std::string& bytes) {
    Value out{.kind = Value::Kind::error, .text = "cut"};
    if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return out;
    RespDecoder decoder({});
    std::string in;
    while (true) {
      char buffer[16384];
      const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return out;
      in.append(buffer, static_cast<std::size_t>(n));
      std::string_view rest = in;
      auto step = decoder.next(rest);
      in.erase(0, in.size() - rest.size());
      if (!step) return out;
      if (*step == RespDecoder::Step::value) return decoder.take_value();
    }
  }

  std::string config_file() const {
    const std::string file = folder_ + "/sentinel.conf";
    if (!std::filesystem::exists(file)) std::fclose(std::fopen(file.c_str(), "w"));
    return file;
  }

  void drain(int from) {
    char buffer[4096];
    for (ssize_t n; (n = ::read(from, buffer, sizeof buffer)) > 0;) {
      std::lock_guard lock(mutex_);
      said_.append(buffer, static_cast<std::size_t>(n));
      if (said_.find("Ready to accept connections") != std::string::npos ||
          said_.find("Sentinel ID is") != std::string::npos) {
        ready_ = true;
        said_.clear();
      }
      changed_.notify_all();
    }
    ::close(from);
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  std::vector<std::string> args_;
  std::uint16_t port_;
  std::string folder_{};
  std::string password_{};
  pid_t pid_ = -1;
  int fd_ = -1;
  std::thread reader_{};
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::string said_{};
  bool ready_ = false;
  bool ended_ = false;
};

/// A loop that runs on a thread of its own; the test gives it work and waits.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread() {
    loop_.stop();
    thread_.join();
  }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  net::EpollLoop& loop() { return loop_; }

  /// Runs `fn` on the loop and gives what it gives.
  template <class F>
  auto call(F fn) {
    using T = decltype(fn());
    std::promise<T> promise;
    auto future = promise.get_future();
    loop_.post([&] {
      if constexpr (std::is_void_v<T>) {
        fn();
        promise.set_value();
      } else {
        promise.set_value(fn());
      }
    });
    return future.get();
  }
  /// Runs a task there to its end.
  template <class T>
  T run(Task<T> task) {
    std::promise<T> promise;
    auto future = promise.get_future();
    loop_.post([&] { spawn(keep(std::move(task), promise)); });
    return future.get();
  }
  /// Whether `what`, asked on the loop, becomes true in time.
  template <class F>
  bool until(F what, Duration at_most = std::chrono::seconds{10}) {
    std::promise<bool> promise;
    auto future = promise.get_future();
    loop_.post([&, end = std::chrono::steady_clock::now() + at_most] { look(what, promise, end); });
    return future.get();
  }

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::promise<T>& promise) {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      promise.set_value();
    } else {
      T value = co_await std::move(task);
      promise.set_value(std::move(value));
    }
  }
  template <class F>
  void look(F& what, std::promise<bool>& promise, std::chrono::steady_clock::time_point end) {
    if (what()) return promise.set_value(true);
    if (std::chrono::steady_clock::now() > end) return promise.set_value(false);
    loop_.after(std::chrono::milliseconds{2}, [this, &what, &promise, end] { look(what, promise, end); });
  }

  net::EpollLoop loop_;
  std::thread thread_;
};

}  // namespace gatecast::redis::testing
