// For tests: a relay before a server that cuts what the server says after so many bytes, or holds it back.
#pragma once

#include <poll.h>

#include <atomic>

#include "adapters/redis/test_redis.hpp"

namespace gatecast::redis::testing {

class CuttingProxy {
 public:
  explicit CuttingProxy(std::uint16_t to) : to_(to) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), size);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    if (::pipe2(wake_, O_CLOEXEC) != 0) std::abort();
    thread_ = std::thread([this] { relay(); });
  }
  ~CuttingProxy() {
    ::close(wake_[1]);
    thread_.join();
    ::close(wake_[0]);
    ::close(listener_);
  }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  /// Of an answer that has `text` in it only what stands before it is handed on, then the connection is cut; once.
  void cut_at(std::string text) {
    std::lock_guard lock(mutex_);
    cut_at_ = std::move(text);
  }
  /// Messages that begin so are swallowed from now on: the connection lives, and nothing is heard.
  void swallow(bool on) { swallow_ = on; }

 private:
  struct Pair {
    int client;
    int server;
  };

  void relay() {
    std::vector<Pair> pairs;
    while (true) {
      std::vector<pollfd> wait{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const Pair& pair : pairs) {
        wait.push_back({pair.client, POLLIN, 0});
        wait.push_back({pair.server, POLLIN, 0});
      }
      ::poll(wait.data(), wait.size(), -1);
      if (wait[0].revents != 0) break;
      std::vector<Pair> kept;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const bool from_client = wait[2 + 2 * i].revents == 0 || hand_on(pairs[i].client, pairs[i].server, false);
        const bool from_server = wait[3 + 2 * i].revents == 0 || hand_on(pairs[i].server, pairs[i].client, true);
        if (from_client && from_server) {
          kept.push_back(pairs[i]);
        } else {
          ::close(pairs[i].client);
          ::close(pairs[i].server);
        }
      }
      pairs.swap(kept);
      if (wait[1].revents != 0) {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int server = connect_to(to_);
        if (server < 0) {
          ::close(client);
        } else {
          pairs.push_back({client, server});
        }
      }
    }
    for (const Pair& pair : pairs) {
      ::close(pair.client);
      ::close(pair.server);
    }
  }

  bool hand_on(int from, int to, bool answer) {
    char buffer[65536];
    const auto n = ::recv(from, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    std::string_view bytes(buffer, static_cast<std::size_t>(n));
    if (answer && swallow_ && bytes.contains("message")) return true;
    std::lock_guard lock(mutex_);
    const auto at = answer && !cut_at_.empty() ? bytes.find(cut_at_) : std::string_view::npos;
    const auto part = bytes.substr(0, at);
    if (!part.empty()) ::send(to, part.data(), part.size(), MSG_NOSIGNAL);
    if (at == std::string_view::npos) return true;
    cut_at_.clear();
    return false;
  }

  const std::uint16_t to_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  std::atomic<bool> swallow_{false};
  std::mutex mutex_{};
  std::string cut_at_{};
  std::thread thread_{};
};

}  // namespace gatecast::redis::testing
