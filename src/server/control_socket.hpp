// data/gatecast.sock: the commands of an operator on this machine, through the methods of the server API.
//
// A request is one line `{"method", "params"}`, its answer one line `{"result"}` or `{"error":{code, message, name,
// cure, detail?}}`; one request of a connection runs at a time. Who connects must be our user or root, as the kernel
// says; then every method is allowed, as actor "operator:<uid>".
// Place: opened by Server on its first shard, with data/lock held. Threads: that shard's. Lifetime: `stop` is awaited
// before destruction. Bounds: kPeersMax connections, kLineMax a line; over either the connection is closed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/task.hpp"
#include "net/epoll_loop.hpp"
#include "net/socket.hpp"

namespace gatecast::server {

class Worker;

inline constexpr std::string_view kControlName = "gatecast.sock";

class ControlSocket final : public net::Ready {
 public:
  static constexpr std::size_t kPeersMax = 16;
  static constexpr std::size_t kLineMax = std::size_t{8} * 1024 * 1024;

  explicit ControlSocket(Worker& worker);
  ~ControlSocket();

  /// Error: store_failed.
  Result<void> open(const std::string& data_dir);
  /// No connection begins any more; ends when what was asked has been answered.
  Task<void> stop();
  void on_ready(std::uint32_t events) override;

 private:
  class Peer;
  void serve_next(Peer& peer);
  Task<void> answer(std::uint64_t id, std::string line, std::string actor);
  Task<std::string> run(std::string_view line, const std::string& actor);
  void release(std::uint64_t id);

  Worker& worker_;
  std::string folder_;
  net::Fd listener_;
  std::map<std::uint64_t, std::unique_ptr<Peer>> peers_;
  std::uint64_t last_id_ = 0;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::optional<Resume<bool>> stopped_;
};

}  // namespace gatecast::server
