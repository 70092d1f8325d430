#include "bench/server_process.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

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
[limits]
rate_strict = 0
rate_liberal = 0
rate_connect = 0
rate_api = 0
{}
)",
                     port, ops_port, folder, kApiKey, settings.eddsa ? kEddsa : kHs256, settings.session,
                     environment("GATECAST_BENCH_SHARDS", "1"), settings.limits);
}

}  // namespace

ServerProcess::ServerProcess(const ServerSettings& settings) : port_(free_port()), ops_port_(free_port()) {
  char path[] = "/tmp/gatecast-bench-XXXXXX";
  require(mkdtemp(path) != nullptr, "temporary folder");
  folder_ = path;
  std::filesystem::create_directory(folder_ + "/data");
  const std::string file = folder_ + "/gatecast.toml";
  std::ofstream(file) << configuration(folder_, port_, ops_port_, settings);
  const std::string program = environment("GATECAST_BENCH_SERVER", GATECAST_BENCH_SERVER);
  if (settings.eddsa) {
    Process keys({program, "keys", "new", "--out", folder_ + "/token.pem"}, true);
    while (keys.running()) usleep(1000);
    std::error_code ignored;
    std::filesystem::remove(keys.log_path(), ignored);
  }
  process_ = std::make_unique<Process>(std::vector<std::string>{program, "serve", "--config", file}, true);
  for (int i = 0; i < 200 && process_->running(); ++i) {
    if (HttpClient::answers(ops_port_, "/readyz")) return;
    usleep(50'000);
  }
  std::ifstream log(process_->log_path());
  die(fmt::format("{} is not ready\n{}", program, std::string(std::istreambuf_iterator<char>(log), {})));
}

ServerProcess::~ServerProcess() {
  process_->stop();
  std::error_code ignored;
  std::filesystem::remove(process_->log_path(), ignored);
  std::filesystem::remove_all(folder_, ignored);
}

double ServerProcess::metric(std::string_view begins) const {
  const std::string text = HttpClient(ops_port_, fmt::format("X-API-Key: {}\r\n", kApiKey)).get("/metrics").body;
  double sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (line.starts_with(begins)) sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
    at = end + 1;
  }
  return sum;
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
  std::string reply;
  if (count == 1) {
    reply = client_.post_ok("/api/publish", params);
  } else {
    std::string lines;
    for (std::size_t i = 0; i < count; ++i) lines += fmt::format("{{\"method\":\"publish\",\"params\":{}}}\n", params);
    reply = client_.post_ok("/api", lines);
  }
  if (reply.find("\"error\"") != std::string::npos) die(fmt::format("publish: {}", reply));
}

}  // namespace gatecast::bench
