// The servers that nodes share, started for one benchmark in temporary folders on free ports: Redis and PostgreSQL.
//
// Threads: one. Lifetime: the destructors end them. Errors: `die`. `installed()` says whether Debian's packages are
// here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/process.hpp"

namespace gatecast::bench {

class RedisProcess {
 public:
  RedisProcess();
  static bool installed();
  std::uint16_t port() const { return port_; }
  std::string url() const;
  Process& process() { return *process_; }

 private:
  std::uint16_t port_;
  std::unique_ptr<Process> process_;
};

class PostgresProcess {
 public:
  PostgresProcess();
  ~PostgresProcess();
  PostgresProcess(const PostgresProcess&) = delete;
  PostgresProcess& operator=(const PostgresProcess&) = delete;
  static bool installed();
  std::string url() const;

 private:
  std::string folder_;
  std::uint16_t port_;
  std::unique_ptr<Process> process_;
};

/// One connection to Redis, blocking.
class RedisConnection {
 public:
  explicit RedisConnection(std::uint16_t port);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  int fd() const { return fd_; }
  void send(std::string_view bytes);
  /// The next whole reply (RESP2 or RESP3), as the server sent it; valid until the next call.
  std::string_view reply();
  /// Text of a bulk string reply to one command.
  std::string ask(std::initializer_list<std::string_view> command);

 private:
  int fd_ = -1;
  std::string in_;
  std::size_t taken_ = 0;
};

void append_command(std::string& out, std::initializer_list<std::string_view> command);
/// Bytes of the whole RESP value that `bytes` begins with; 0: it is not there whole.
std::size_t resp_size(std::string_view bytes);
/// The `index`-th element of a flat array or push of bulk strings; empty where there is none.
std::string_view resp_item(std::string_view value, std::size_t index);

}  // namespace gatecast::bench
