#include "bench/shared_servers.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <filesystem>

namespace gatecast::bench {
namespace {

constexpr std::string_view kPostgresFolder = "/usr/lib/postgresql/15/bin";

bool runs(const std::vector<std::string>& arguments) {
  Process process(arguments, true);
  while (process.running()) usleep(2000);
  std::error_code ignored;
  std::filesystem::remove(process.log_path(), ignored);
  return true;
}

int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void wait_listening(std::uint16_t port, Process& process, std::string_view what) {
  for (int i = 0; i < 500; ++i) {
    if (const int fd = connect_to(port); fd >= 0) {
      close(fd);
      return;
    }
    if (!process.running()) break;
    usleep(20'000);
  }
  die(fmt::format("{} does not start; see {}", what, process.log_path()));
}

/// PostgreSQL does not run as root.
std::vector<std::string> as_postgres(std::vector<std::string> command) {
  if (geteuid() != 0) return command;
  std::vector<std::string> all = {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"};
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

}  // namespace

bool RedisProcess::installed() { return std::filesystem::exists("/usr/bin/redis-server"); }

RedisProcess::RedisProcess() : port_(free_port()) {
  process_ = std::make_unique<Process>(
      std::vector<std::string>{"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1", "--save", "",
                               "--appendonly", "no", "--dir", "/tmp"},
      true);
  wait_listening(port_, *process_, "redis-server");
}

std::string RedisProcess::url() const { return fmt::format("redis://127.0.0.1:{}", port_); }

bool PostgresProcess::installed() { return std::filesystem::exists(fmt::format("{}/postgres", kPostgresFolder)); }

PostgresProcess::PostgresProcess() : port_(free_port()) {
  char path[] = "/tmp/gatecast-bench-pg-XXXXXX";
  require(mkdtemp(path) != nullptr, "temporary folder");
  folder_ = path;
  if (geteuid() == 0) runs({"chown", "postgres:postgres", folder_});
  runs(as_postgres({fmt::format("{}/initdb", kPostgresFolder), "-D", folder_ + "/data", "-U", "bench", "--auth=trust",
                    "--no-sync", "--encoding=UTF8", "--locale=C"}));
  process_ = std::make_unique<Process>(
      as_postgres({fmt::format("{}/postgres", kPostgresFolder), "-D", folder_ + "/data", "-p", std::to_string(port_),
                   "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}),
      true);
  wait_listening(port_, *process_, "postgres");
}

PostgresProcess::~PostgresProcess() {
  process_->stop(SIGINT);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string PostgresProcess::url() const { return fmt::format("postgresql://bench@127.0.0.1:{}/postgres", port_); }

RedisConnection::RedisConnection(std::uint16_t port) : fd_(connect_to(port)) {
  if (fd_ < 0) die("redis does not take a connection");
}
RedisConnection::~RedisConnection() { close(fd_); }

void RedisConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t taken = write(fd_, bytes.data(), bytes.size());
    require(taken > 0, "redis: write");
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
}

std::string_view RedisConnection::reply() {
  in_.erase(0, taken_);
  taken_ = 0;
  for (;;) {
    if (const std::size_t size = resp_size(in_); size != 0) {
      taken_ = size;
      return std::string_view(in_).substr(0, size);
    }
    char buffer[65536];
    const ssize_t got = read(fd_, buffer, sizeof buffer);
    require(got > 0, "redis: read");
    in_.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string RedisConnection::ask(std::initializer_list<std::string_view> command) {
  std::string out;
  append_command(out, command);
  send(out);
  const std::string_view got = reply();
  if (!got.starts_with('$')) return std::string(got);
  const auto begin = got.find("\r\n") + 2;
  return std::string(got.substr(begin, got.size() - begin - 2));
}

void append_command(std::string& out, std::initializer_list<std::string_view> command) {
  out += fmt::format("*{}\r\n", command.size());
  for (const auto& text : command) {
    out += fmt::format("${}\r\n", text.size());
    out += text;
    out += "\r\n";
  }
}

std::size_t resp_size(std::string_view bytes) {
  const auto line_end = bytes.find("\r\n");
  if (line_end == std::string_view::npos) return 0;
  const std::size_t head = line_end + 2;
  std::int64_t count = 0;
  std::from_chars(bytes.data() + 1, bytes.data() + line_end, count);
  switch (bytes[0]) {
    case '$':
    case '=':
      if (count < 0) return head;
      return bytes.size() >= head + static_cast<std::size_t>(count) + 2 ? head + static_cast<std::size_t>(count) + 2
                                                                        : 0;
    case '%': count *= 2; [[fallthrough]];
    case '*':
    case '~':
    case '>': {
      std::size_t at = head;
      for (std::int64_t i = 0; i < count; ++i) {
        const std::size_t size = resp_size(bytes.substr(at));
        if (size == 0) return 0;
        at += size;
      }
      return at;
    }
    default: return head;
  }
}

std::string_view resp_item(std::string_view value, std::size_t index) {
  std::size_t at = value.find("\r\n") + 2;
  for (; index > 0 && at < value.size(); --index) at += resp_size(value.substr(at));
  if (at >= value.size() || value[at] != '$') return {};
  const std::size_t begin = value.find("\r\n", at) + 2;
  const std::size_t size = resp_size(value.substr(at));
  return size == 0 ? std::string_view{} : value.substr(begin, at + size - begin - 2);
}

}  // namespace gatecast::bench
