// P7: how long an ended session lives on in its connections.
//
// First 5,001 sockets of 1,667 sessions, three each: sessions end one after another by log-out, and the time counts
// from the call's answer – the commit has returned – to the last of the three close frames read by the client. Commands
// sent after the answer must get none. Then one user with 5,000 sockets: how long until all are muted (by the server's
// clock, revocation_seconds), and until every socket has read its close frame, beside a bare server that sends
// 5,000 close frames and closes, told by one byte. A publication made after the answer must reach nobody.
#include <sys/resource.h>

#include <thread>

#include "bench/floor_process.hpp"
#include "bench/load.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"

namespace gatecast::bench {
namespace {

constexpr double kClosedMsMax = 10;
constexpr double kMutedMsMax = 5;
constexpr double kRatioMax = 1.3;
constexpr std::size_t kSocketsEach = 3;
constexpr char kChannel[] = "bench:revoke";

struct Scale {
  std::size_t sessions = 1667;
  std::size_t endings = 500;
  std::size_t sockets_of_one = 5000;
  std::size_t rounds = 7;
};
constexpr Scale kSmoke = {.sessions = 30, .endings = 10, .sockets_of_one = 100, .rounds = 2};

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

struct Call {
  std::int64_t sent_ns = 0;
  std::atomic<std::int64_t> answered_ns{0};
};

/// Logs out on a thread of its own while `load` is polled; returns when `sockets` more connections have their close
/// frame and the answer is there. `answered` is called once it is.
void end_session(const ServerProcess& server, const std::string& token, Load& load, std::size_t sockets, Call& call,
                 const std::function<void()>& answered) {
  HttpClient client(server.port(), fmt::format("Authorization: Bearer {}\r\n", token));
  const std::size_t target = load.closed() + sockets;
  call.sent_ns = now_ns();
  const std::jthread caller([&] {
    client.post_ok("/api/v2/auth/logout", "{}");
    call.answered_ns = now_ns();
  });
  bool told = false;
  const std::int64_t give_up = now_ns() + 30'000'000'000;
  while (load.closed() < target || !told) {
    load.poll(1);
    if (!told && call.answered_ns != 0) {
      answered();
      told = true;
    }
    if (now_ns() > give_up) die(fmt::format("{} of {} connections closed", load.closed(), target));
  }
}

Finding one_of_many(ServerProcess& server, const Scale& scale) {
  const std::vector<std::string> tokens = sign_in(server.port(), scale.sessions);
  Load load({.port = server.port(), .connections = scale.sessions * kSocketsEach, .tokens = tokens, .may_close = true});
  load.open();
  std::vector<double> after_answer;
  std::vector<double> whole;
  for (std::size_t s = 0; s < scale.endings; ++s) {
    Call call;
    end_session(server, tokens[s], load, kSocketsEach, call, [&] {
      for (std::size_t i = 0; i < kSocketsEach; ++i)
        load.say(s + i * scale.sessions, R"({"id":9,"rpc":{"method":"gatecast.time","data":{}}})");
    });
    std::int64_t last = 0;
    for (std::size_t i = 0; i < kSocketsEach; ++i) last = std::max(last, load.closed_at_ns(s + i * scale.sessions));
    after_answer.push_back(std::max(0.0, ms(last - call.answered_ns)));
    whole.push_back(ms(last - call.sent_ns));
  }
  // An answer to one of those commands would end the benchmark: nothing of that kind is expected of a ready client.
  load.poll(50);
  if (load.closed() != scale.endings * kSocketsEach) die("connections of other sessions were closed");
  const double endings = server.metric("gatecast_revocation_closed_seconds_count");
  return {.scenario = fmt::format("3 sockets of one session among {}", scale.sessions * kSocketsEach),
          .figure = at(after_answer, 0.99),
          .unit = "ms p99",
          .limit = kClosedMsMax,
          .notes = fmt::format("call answered to last close frame read: p50 {:.2f}, max {:.2f}; from the call's first "
                               "byte: p50 {:.2f}, p99 {:.2f}; by the server's clock {:.0f} of {:.0f} within 2.5 ms",
                               at(after_answer, 0.5), at(after_answer, 1), at(whole, 0.5), at(whole, 0.99),
                               server.metric("gatecast_revocation_closed_seconds_bucket{le=\"0.0025\"}"), endings)};
}

struct Closing {
  double muted_ms, closed_ms, cpu_ms;
};

double cpu_ms(const Process& process) { return std::chrono::duration<double, std::milli>(process.cpu()).count(); }

Closing all_of_one(ServerProcess& server, std::size_t sockets) {
  const std::vector<std::string> token = sign_in(server.port(), 1);
  Load load({.port = server.port(), .connections = sockets, .tokens = token, .channel = kChannel, .may_close = true});
  load.open();
  Publisher publisher(server, kChannel);
  publisher.publish(1, 102, now_ns());
  while (load.received() < sockets) load.poll(10);
  const double muted = server.metric("gatecast_revocation_seconds_sum");
  const double cpu = cpu_ms(server.process());
  Call call;
  end_session(server, token[0], load, sockets, call, [&] { publisher.publish(1, 102, now_ns()); });
  std::int64_t last = 0;
  for (std::size_t i = 0; i < sockets; ++i) last = std::max(last, load.closed_at_ns(i));
  if (load.received() != sockets) die("something was delivered after the session's end");
  return {.muted_ms = (server.metric("gatecast_revocation_seconds_sum") - muted) * 1e3,
          .closed_ms = ms(last - call.sent_ns),
          .cpu_ms = cpu_ms(server.process()) - cpu};
}

Closing all_of_floor(std::size_t sockets) {
  CloseFloor floor(sockets);
  Load load({.port = floor.port(), .connections = sockets, .speaks = Speaks::nothing, .may_close = true});
  load.open();
  floor.wait_ready();
  const double cpu = cpu_ms(floor.process());
  const std::int64_t told = now_ns();
  floor.close();
  while (load.closed() < sockets) load.poll(100);
  std::int64_t last = 0;
  for (std::size_t i = 0; i < sockets; ++i) last = std::max(last, load.closed_at_ns(i));
  return {.muted_ms = 0, .closed_ms = ms(last - told), .cpu_ms = cpu_ms(floor.process()) - cpu};
}

void one_user(Report& report, ServerProcess& server, const Scale& scale) {
  std::vector<double> muted, closed, ratios, cpu, floor_cpu;
  Closing before = all_of_floor(scale.sockets_of_one);
  for (std::size_t i = 0; i < scale.rounds; ++i) {
    const Closing ours = all_of_one(server, scale.sockets_of_one);
    const Closing after = all_of_floor(scale.sockets_of_one);
    muted.push_back(ours.muted_ms);
    closed.push_back(ours.closed_ms);
    cpu.push_back(ours.cpu_ms);
    floor_cpu.push_back(after.cpu_ms);
    ratios.push_back(ours.closed_ms * 2 / (before.closed_ms + after.closed_ms));
    before = after;
  }
  const std::string who = fmt::format("{} sockets of one user", scale.sockets_of_one);
  report.add({.scenario = who + ", all muted",
              .figure = at(muted, 1),
              .unit = "ms max",
              .limit = kMutedMsMax,
              .notes = fmt::format("of {} endings; p50 {:.2f}", scale.rounds, at(muted, 0.5))});
  report.add({.scenario = who + ", all closed",
              .figure = at(closed, 0.5),
              .unit = "ms",
              .floor = at(closed, 0.5) / at(ratios, 0.5),
              .limit = kRatioMax,
              .notes = fmt::format("from the call's first byte, commit included; server CPU {:.1f} ms, floor {:.1f}",
                                   at(cpu, 0.5), at(floor_cpu, 0.5))});
}

int run(int argc, char** argv) {
  Report report("revoke", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  const rlimit files{.rlim_cur = 20000, .rlim_max = 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  ServerProcess server({.limits = "user_connections = 0"});
  report.add(one_of_many(server, scale));
  one_user(report, server, scale);
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
