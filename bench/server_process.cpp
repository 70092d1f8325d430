#include "bench/server_process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "bench/slices.hpp"

namespace gatecast::bench {

namespace {

constexpr std::string_view kApiKey = "bench-api-key-GVkGfEZYMJdQ5uSxhy2zBqz3UjTnBnWL";

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

constexpr std::string_view kHs256 = R"([token]
algorithm = "HS256"
[[token.key]]
kid = "bench"
algorithm = "HS256"
secret = "q3qkP5nRrMNp0gPMrT7VxE2cYDh4u8WwLJtSvQf1zA9b"
)";
constexpr std::string_view kEddsa = R"([[token.key]]
kid = "bench"
file = "token.pem"
)";

std::string configuration(const std::string& folder, std::uint16_t port, std::uint16_t ops_port,
                          const ServerSettings& settings) {
  return fmt::format(R"([http]
address = "127.0.0.1:{}"
[ops]
address = "127.0.0.1:{}"
[data]
dir = "{}/data"
[log]
dir = ""
level = "warn"
[[api.key]]
name = "bench"
secret = "{}"
scopes = ["all"]
{}[session]
{}
[[session.key]]
id = "bench"
secret = "Zf8hTn2VwJr4sQ1xYpK6mB3dLc9uEg7aRo5iWvMzXtCy"
[signin.solana]
enabled = true
domain = ["localhost"]
uri = ["http://localhost"]
[realtime]
shards = {}
[[namespace]]
name = "bench"
allow_subscribe_for_client = true
allow_publish_for_subscriber = true
[[namespace]]
name = "kept"
allow_subscribe_for_client = true
history_size = 100
history_ttl = "5m"
force_recovery = true
[limits]
rate_strict = 0
rate_liberal = 0
rate_connect = 0
rate_api = 0
address_unauthenticated_shard = 1000000
connection_commands = 1000000
user_commands = 1000000
{}
{}
)",
                     port, ops_port, folder, kApiKey, settings.eddsa ? kEddsa : kHs256, settings.session,
                     environment("GATECAST_BENCH_SHARDS", "1"), settings.limits, settings.more);
}

/// Whether something takes connections there.
bool listens(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool taken = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return taken;
}

}  // namespace

ServerProcess::ServerProcess(const ServerSettings& settings) : port_(free_port()), ops_port_(free_port()) {
  char path[] = "/tmp/gatecast-bench-XXXXXX";
  require(mkdtemp(path) != nullptr, "temporary folder");
  folder_ = path;
  std::filesystem::create_directory(folder_ + "/data");
  const std::string file = folder_ + "/gatecast.toml";
  std::ofstream(file) << configuration(folder_, port_, ops_port_, settings);
  program_ = environment("GATECAST_BENCH_SERVER", GATECAST_BENCH_SERVER);
  if (settings.eddsa) {
    Process keys({program_, "keys", "new", "--out", folder_ + "/token.pem"}, true);
    while (keys.running()) usleep(1000);
    std::error_code ignored;
    std::filesystem::remove(keys.log_path(), ignored);
  }
  start();
  wait_ready();
}

void ServerProcess::start() {
  process_ = std::make_unique<Process>(
      std::vector<std::string>{program_, "serve", "--config", folder_ + "/gatecast.toml"}, true);
}

void ServerProcess::wait_ready() {
  for (int i = 0; i < 200 && process_->running(); ++i) {
    if (HttpClient::answers(ops_port_, "/readyz")) return;
    usleep(50'000);
  }
  std::ifstream log(process_->log_path());
  die(fmt::format("{} is not ready\n{}", program_, std::string(std::istreambuf_iterator<char>(log), {})));
}

void ServerProcess::stop() {
  process_->stop();
  std::error_code ignored;
  std::filesystem::remove(process_->log_path(), ignored);
}

std::int64_t ServerProcess::start_again() {
  start();
  for (int i = 0; i < 20'000 && process_->running(); ++i) {
    if (listens(port_)) return now_ns();
    usleep(500);
  }
  die("the server does not come back");
}

ServerProcess::~ServerProcess() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

double ServerProcess::metric(std::string_view begins) const {
  const std::string text = HttpClient(ops_port_, fmt::format("X-API-Key: {}\r\n", kApiKey)).get("/metrics").body;
  double sum = 0;
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (line.starts_with(begins)) {
      sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
      found = true;
    }
    at = end + 1;
  }
  if (!found) die(fmt::format("no metric {}", begins));
  return sum;
}

double ServerProcess::bytes_out_of(const std::function<void()>& work) {
  constexpr char kBytesOut[] = "gatecast_bytes_out_total";
  settle(*process_);
  const double before = metric(kBytesOut);
  work();
  settle(*process_);
  const double after = metric(kBytesOut);
  // The answer of such a question is counted too.
  return after - before - (metric(kBytesOut) - after);
}

Publisher::Publisher(const ServerProcess& server, std::string channel)
    : client_(server.ops_port(), fmt::format("X-API-Key: {}\r\n", kApiKey)), channel_(std::move(channel)) {}

void Publisher::publish(std::size_t count, std::size_t frame_bytes, std::int64_t stamp_ns) {
  // The push around the data, and the frame's head of two bytes.
  const std::string bare = fmt::format(R"({{"t":{},"p":""}})", stamp_ns);
  const std::size_t around =
      fmt::format(R"({{"push":{{"channel":"{}","pub":{{"data":{}}}}}}})", channel_, bare).size() + 2;
  if (around > frame_bytes) die("the channel's name does not fit into the frame");
  const std::string data = fmt::format(R"({{"t":{},"p":"{}"}})", stamp_ns, std::string(frame_bytes - around, 'x'));
  const std::string params = fmt::format(R"({{"channel":"{}","data":{}}})", channel_, data);
  if (count == 1) {
    const std::string reply = client_.post_ok("/api/publish", params);
    if (reply.find("\"error\"") != std::string::npos) die(fmt::format("publish: {}", reply));
    return;
  }
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) lines += fmt::format("{{\"method\":\"publish\",\"params\":{}}}\n", params);
  post(lines);
}

void Publisher::publish_to_each(const std::vector<std::size_t>& numbers) {
  const auto at = channel_.find("{}");
  if (at == std::string::npos) die("a channel without a number");
  std::string lines;
  for (const std::size_t number : numbers) {
    lines += fmt::format(
        R"({{"method":"publish","params":{{"channel":"{}{}{}","data":{{"p":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}}}}})"
        "\n",
        channel_.substr(0, at), number, channel_.substr(at + 2));
  }
  post(lines);
}

void Publisher::post(const std::string& lines) {
  const std::string reply = client_.post_ok("/api", lines);
  if (reply.find("\"error\"") != std::string::npos) die(fmt::format("publish: {}", reply));
}

}  // namespace gatecast::bench
