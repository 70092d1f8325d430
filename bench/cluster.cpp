// P9 and P7a across nodes: two servers that share one Redis and one PostgreSQL.
//
// 1. Redis to node: many channels with one subscriber each; what a publication looks like in Redis is recorded once,
// and
//    played back as plain PUBLISH commands in one pipeline, so that Redis and the node are measured and not who
//    publishes. Beside it a floor in the same run: a bare program that listens to the same topics and sends a frame of
//    the same size to as many sockets, gathered a turn.
// 2. One publication at a time by the server API of one node, read by a client of the other; and what that cost Redis
// in
//    commands (INFO commandstats).
// 3. A session with three sockets on one node, among thousands, ended on the other.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>
#include <unordered_map>

#include "bench/load.hpp"
#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/shared_servers.hpp"
#include "bench/sign_in.hpp"

namespace gatecast::bench {
namespace {

constexpr double kDeliveriesMin = 650'000;  // a second of Redis' CPU time
constexpr double kNodeRatioMax = 4.0;       // the node's CPU a delivery beside the bare reader's, which only copies
constexpr double kCommandsMax = 1.0;        // of Redis, a publication
constexpr double kPublishMsMax = 5;
constexpr double kClosedMsMax = 50;
constexpr char kApiHeaders[] = "X-API-Key: bench-api-key-GVkGfEZYMJdQ5uSxhy2zBqz3UjTnBnWL\r\n";
constexpr std::size_t kFrameBytes = 102;

struct Scale {
  std::size_t connections = 50;
  std::size_t channels_each = 100;
  std::size_t rounds = 200;         // of one publication to each channel
  std::size_t publications = 2000;  // one at a time
  std::size_t sessions = 1667;
  std::size_t endings = 300;
};
constexpr Scale kSmoke = {
    .connections = 5, .channels_each = 10, .rounds = 4, .publications = 20, .sessions = 20, .endings = 5};

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }
double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}
double cpu_s(const Process& process) { return std::chrono::duration<double>(process.cpu()).count(); }

std::string shared_tables(const RedisProcess& redis, const PostgresProcess& postgres) {
  return fmt::format("[broker]\nurl = \"{}\"\n[store]\nurl = \"{}\"\n", redis.url(), postgres.url());
}

/// What lies in Redis' pipeline for one publication to each channel.
struct Recorded {
  std::vector<std::string> topics;
  std::string commands;
};

/// Publishes once to each channel through a node, and records what passes.
Recorded record(const RedisProcess& redis, const ServerProcess& node, std::size_t channels) {
  RedisConnection listener(redis.port());
  listener.ask({"PSUBSCRIBE", "*bench:c*"});
  Publisher publisher(node, "bench:c{}");
  Recorded recorded;
  std::vector<std::size_t> numbers(channels);
  for (std::size_t i = 0; i < channels; ++i) numbers[i] = i;
  for (std::size_t from = 0; from < channels; from += 500) {
    publisher.publish_to_each({numbers.begin() + static_cast<std::ptrdiff_t>(from),
                               numbers.begin() + static_cast<std::ptrdiff_t>(std::min(channels, from + 500))});
  }
  while (recorded.topics.size() < channels) {
    const std::string_view push = listener.reply();  // pmessage, pattern, topic, payload
    const std::string_view topic = resp_item(push, 2), payload = resp_item(push, 3);
    if (topic.empty()) die("no message in the recording");
    recorded.topics.emplace_back(topic);
    append_command(recorded.commands, {"PUBLISH", topic, payload});
  }
  return recorded;
}

/// A bare program: listens to the topics, and sends a frame to the socket whose topic it is.
class TopicFloor {
 public:
  TopicFloor(const RedisProcess& redis, const Recorded& recorded, std::size_t connections, std::size_t channels_each)
      : port_(free_port()) {
    int ready[2];
    require(pipe(ready) == 0, "pipe");
    pid_ = fork();
    require(pid_ >= 0, "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      run(redis.port(), recorded, connections, channels_each, port_, ready[1]);
    }
    close(ready[1]);
    ready_ = ready[0];
    await();
  }
  ~TopicFloor() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(ready_);
  }
  TopicFloor(const TopicFloor&) = delete;
  TopicFloor& operator=(const TopicFloor&) = delete;

  std::uint16_t port() const { return port_; }
  /// Returns when it listens, and, called again, when all have come and all topics are subscribed.
  void await() {
    char byte = 0;
    require(read(ready_, &byte, 1) == 1, "floor");
  }
  double cpu() const {
    clockid_t clock{};
    timespec time{};
    require(clock_getcpuclockid(pid_, &clock) == 0 && clock_gettime(clock, &time) == 0, "floor's clock");
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  }

 private:
  [[noreturn]] static void run(std::uint16_t redis_port, const Recorded& recorded, std::size_t connections,
                               std::size_t channels_each, std::uint16_t port, int ready) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    require(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(listener, 4096) == 0,
            "floor listens");
    require(write(ready, "l", 1) == 1, "pipe");
    std::vector<int> sockets(connections);
    for (auto& fd : sockets) {
      fd = accept(listener, nullptr, nullptr);
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    RedisConnection redis(redis_port);
    std::unordered_map<std::string_view, std::size_t> whose;
    for (std::size_t i = 0; i < recorded.topics.size(); ++i) {
      whose.emplace(recorded.topics[i], std::min(i / channels_each, connections - 1));
      redis.ask({"SUBSCRIBE", recorded.topics[i]});
    }
    require(write(ready, "s", 1) == 1, "pipe");
    const std::string frame = std::string("\x81\x64", 2) + std::string(kFrameBytes - 2, 'x');
    std::vector<std::string> out(connections);
    std::vector<std::size_t> dirty;
    std::string in;
    std::vector<char> buffer(1u << 16);
    for (;;) {
      const ssize_t got = read(redis.fd(), buffer.data(), buffer.size());
      if (got <= 0) _exit(0);
      in.append(buffer.data(), static_cast<std::size_t>(got));
      std::size_t begin = 0;
      for (std::size_t size; (size = resp_size(std::string_view(in).substr(begin))) != 0; begin += size) {
        const auto found = whose.find(resp_item(std::string_view(in).substr(begin, size), 1));
        if (found == whose.end()) continue;
        if (out[found->second].empty()) dirty.push_back(found->second);
        out[found->second] += frame;
      }
      in.erase(0, begin);
      for (const std::size_t i : dirty) {
        for (std::string_view rest = out[i]; !rest.empty();) {
          const ssize_t sent = send(sockets[i], rest.data(), rest.size(), MSG_NOSIGNAL);
          if (sent <= 0) _exit(1);
          rest.remove_prefix(static_cast<std::size_t>(sent));
        }
        out[i].clear();
      }
      dirty.clear();
    }
  }

  std::uint16_t port_;
  pid_t pid_ = -1;
  int ready_ = -1;
};

struct Played {
  double rate = 0;      // deliveries a second
  double cpu_us = 0;    // of the node or floor, a delivery
  double redis_us = 0;  // of Redis, a delivery
};

/// Plays the recording `rounds` times and waits until the reader has all of it.
Played play(RedisProcess& redis, const Recorded& recorded, Reader& reader, std::size_t rounds,
            const std::function<double()>& cpu) {
  RedisConnection publisher(redis.port());
  const std::size_t channels = recorded.topics.size();
  constexpr std::size_t kAtOnce = 4;  // rounds on their way
  std::string commands;
  for (std::size_t i = 0; i < kAtOnce; ++i) commands += recorded.commands;
  const auto once = [&] {
    std::jthread drain([&] {
      for (std::size_t i = 0; i < channels * kAtOnce; ++i) publisher.reply();
    });
    publisher.send(commands);
    drain.join();
    reader.wait_for(channels * kAtOnce);
  };
  once();
  const double cpu_before = cpu(), redis_before = cpu_s(redis.process());
  const std::int64_t began = now_ns();
  std::size_t deliveries = 0;
  for (std::size_t done = 0; done < rounds; done += kAtOnce, deliveries += channels * kAtOnce) once();
  const double n = static_cast<double>(deliveries);
  return {.rate = n / (static_cast<double>(now_ns() - began) / 1e9),
          .cpu_us = (cpu() - cpu_before) / n * 1e6,
          .redis_us = (cpu_s(redis.process()) - redis_before) / n * 1e6};
}

void redis_to_node(Report& report, const Scale& scale) {
  RedisProcess redis;
  PostgresProcess postgres;
  const std::string tables = shared_tables(redis, postgres);
  ServerProcess node({.limits = "channels = 1024", .more = tables});
  const std::size_t channels = scale.connections * scale.channels_each;
  const Recorded recorded = record(redis, node, channels);
  const auto tokens = sign_in(node.port(), 1);
  Played ours, bare;
  {
    Reader reader({.port = node.port(),
                   .connections = scale.connections,
                   .tokens = tokens,
                   .channel = "bench:c{}",
                   .channels_each = scale.channels_each});
    reader.wait_open();
    ours = play(redis, recorded, reader, scale.rounds, [&] { return cpu_s(node.process()); });
  }
  {
    TopicFloor floor(redis, recorded, scale.connections, scale.channels_each);
    Reader reader({.port = floor.port(), .connections = scale.connections, .speaks = Speaks::nothing});
    reader.wait_open();
    floor.await();
    bare = play(redis, recorded, reader, scale.rounds, [&] { return floor.cpu(); });
  }
  const std::string what = fmt::format("Redis to node, {} channels of one subscriber", channels);
  report.add({.scenario = what + ", time of Redis' CPU",
              .figure = ours.redis_us,
              .unit = "us a delivery",
              .limit = 1e6 / kDeliveriesMin,
              .notes = fmt::format("{:.0f} deliveries a second of its CPU; with the bare reader {:.0f}",
                                   1e6 / ours.redis_us, 1e6 / bare.redis_us)});
  report.add({.scenario = what + ", time of the node's CPU",
              .figure = ours.cpu_us,
              .unit = "us a delivery",
              .floor = bare.cpu_us,
              .limit = kNodeRatioMax,
              .notes = fmt::format("{:.0f} deliveries a second end to end on these cores, bare reader {:.0f}",
                                   ours.rate, bare.rate)});
}

/// Calls of all commands but those that would be there without publications.
double commands_of(RedisConnection& redis) {
  const std::string text = redis.ask({"INFO", "commandstats"});
  double sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find("\r\n", at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 2;
    // What a script calls is counted beside the script, and is no round trip.
    const bool counted = line.starts_with("cmdstat_evalsha") || line.starts_with("cmdstat_publish:") ||
                         line.starts_with("cmdstat_eval:") || line.starts_with("cmdstat_spublish");
    if (!counted) continue;
    const auto calls = line.find("calls=");
    sum += std::strtod(std::string(line.substr(calls + 6)).c_str(), nullptr);
  }
  return sum;
}

void across(Report& report, const std::string& channel, bool kept, ServerProcess& from, ServerProcess& to,
            RedisProcess& redis, const std::vector<std::string>& tokens, std::size_t publications) {
  Load reader({.port = to.port(), .connections = 1, .tokens = tokens, .channel = channel});
  reader.open();
  HttpClient api(from.ops_port(), kApiHeaders);
  RedisConnection stats(redis.port());
  // What goes on without a publication: heartbeats and probes.
  const double quiet_before = commands_of(stats);
  const std::int64_t quiet_began = now_ns();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const double quiet = (commands_of(stats) - quiet_before) / (static_cast<double>(now_ns() - quiet_began) / 1e9);
  const double before = commands_of(stats);
  const std::int64_t began = now_ns();
  std::vector<double> took;
  for (std::size_t i = 0; i < publications; ++i) {
    const std::uint64_t target = reader.received() + 1;
    const std::string body = fmt::format(R"({{"channel":"{}","data":{{"n":{}}}}})", channel, i);
    std::atomic<std::int64_t> sent{0};
    const std::jthread caller([&] {
      sent = now_ns();
      api.post_ok("/api/publish", body);
    });
    while (sent == 0) std::this_thread::yield();
    while (reader.received() < target) {
      reader.poll(1);
      if (now_ns() - sent > 10'000'000'000) die(fmt::format("publication {} did not come", i));
    }
    took.push_back(ms(now_ns() - sent));
  }
  const double seconds = static_cast<double>(now_ns() - began) / 1e9;
  double calls = commands_of(stats) - before - quiet * seconds;
  // A publication inside a script is one of its calls, not a command of a client.
  if (kept) calls -= static_cast<double>(publications);
  const std::string what = kept ? "publication with history" : "publication";
  report.add({.scenario = what + ", one node to the other",
              .figure = at(took, 0.99),
              .unit = "ms p99",
              .limit = kPublishMsMax,
              .notes = fmt::format("from the call's first byte to the frame read; p50 {:.2f}, max {:.2f}",
                                   at(took, 0.5), at(took, 1))});
  report.add({.scenario = what + ", commands of Redis",
              .figure = calls / static_cast<double>(publications),
              .unit = "a publication",
              .limit = kCommandsMax * 1.05,
              .notes = fmt::format("heartbeats and probes, {:.1f} a second, taken off", quiet)});
}

void endings(Report& report, ServerProcess& ends, ServerProcess& holds, const Scale& scale) {
  constexpr std::size_t kSocketsEach = 3;
  const auto tokens = sign_in(ends.port(), scale.sessions);
  Load load({.port = holds.port(), .connections = scale.sessions * kSocketsEach, .tokens = tokens, .may_close = true});
  load.open();
  std::vector<double> whole, answered;
  for (std::size_t s = 0; s < scale.endings; ++s) {
    HttpClient client(ends.port(), fmt::format("Authorization: Bearer {}\r\n", tokens[s]));
    const std::size_t target = load.closed() + kSocketsEach;
    const std::int64_t sent = now_ns();
    std::atomic<std::int64_t> answer{0};
    const std::jthread caller([&] {
      client.post_ok("/api/v2/auth/logout", "{}");
      answer = now_ns();
    });
    while (load.closed() < target || answer == 0) {
      load.poll(1);
      if (now_ns() - sent > 30'000'000'000) die(fmt::format("{} of {} connections closed", load.closed(), target));
    }
    std::int64_t last = 0;
    for (std::size_t i = 0; i < kSocketsEach; ++i) last = std::max(last, load.closed_at_ns(s + i * scale.sessions));
    whole.push_back(ms(last - sent));
    answered.push_back(ms(answer - sent));
  }
  report.add(
      {.scenario =
           fmt::format("3 sockets of one session among {}, ended on the other node", scale.sessions * kSocketsEach),
       .figure = at(whole, 0.99),
       .unit = "ms p99",
       .limit = kClosedMsMax,
       .notes = fmt::format("from the call's first byte, commit included, to the last close frame read; p50 {:.2f}, "
                            "max {:.2f}; the call's answer p50 {:.2f}, p99 {:.2f}",
                            at(whole, 0.5), at(whole, 1), at(answered, 0.5), at(answered, 0.99))});
}

int run(int argc, char** argv) {
  Report report("cluster", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  if (!RedisProcess::installed() || !PostgresProcess::installed()) {
    die("SKIPPED: redis-server or postgresql-15 is not here; ./dev setup test installs them");
  }
  const rlimit files{.rlim_cur = 20000, .rlim_max = 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  redis_to_node(report, scale);
  RedisProcess redis;
  PostgresProcess postgres;
  const std::string tables = shared_tables(redis, postgres);
  ServerProcess first({.more = tables});
  ServerProcess second({.more = tables});
  const auto tokens = sign_in(first.port(), 1);
  across(report, "bench:across", false, first, second, redis, tokens, scale.publications);
  across(report, "kept:across", true, first, second, redis, tokens, scale.publications);
  endings(report, first, second, scale);
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
