// P1 and P2: what one delivery costs the server, beside what it costs a bare send() in the same run.
//
// One publication (or a burst of 16 in one request) goes out, every subscriber's reader has it, then the next. Server
// and floor take turns in slices of a third of a second, the floor first and last; each has its readers in a process of
// their own, made alike. System calls and instructions are counted apart from the timed slices. Last, at a fixed rate
// of 2,500 publications a second, the time from when each was due to its arrival.
#include <unistd.h>

#include "bench/floor_process.hpp"
#include "bench/perf_count.hpp"
#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"
#include "bench/slices.hpp"

namespace gatecast::bench {
namespace {

constexpr std::size_t kFrameBytes = 102;
/// How much of everything.
struct Scale {
  std::size_t slices = 30;
  double slice_seconds = 0.1;
  std::size_t few = 1000;
  std::size_t many = 10000;
  std::size_t per_second = 2500;
  std::size_t seconds = 5;
};
constexpr Scale kSmoke = {.slices = 2, .slice_seconds = 0.005, .few = 50, .many = 200, .per_second = 160, .seconds = 1};

constexpr double kRatioMax = 1.10;
constexpr char kChannel[] = "bench:fanout";

/// One side of the comparison: how to start a round, who reads it, whose time counts.
struct Side {
  std::function<void()> round;
  Reader& reader;
  Process& process;
  std::uint64_t frames_per_round;

  void run(std::size_t rounds) {
    for (std::size_t i = 0; i < rounds; ++i) {
      round();
      reader.wait_for(frames_per_round);
    }
  }
  /// Runs and gives the CPU time of a frame, in microseconds.
  double timed(std::size_t rounds) {
    return cpu_of(process, rounds * frames_per_round, [&] { run(rounds); });
  }
  std::string counts(std::size_t rounds) {
    const Counts c = count_while(process.pid(), [&] { run(rounds); });
    const std::uint64_t units = rounds * frames_per_round;
    return fmt::format("system calls {}, user instructions {}", per(c.system_calls, units), per(c.instructions, units));
  }
};

Finding fan_out(ServerProcess& server, Reader& subscribers, std::size_t count, std::size_t burst, const Scale& scale) {
  FloorProcess floor(count, kFrameBytes, burst);
  Reader drain({.port = floor.port(), .connections = count, .speaks = Speaks::nothing});
  floor.wait_ready();
  drain.wait_open();
  Publisher publisher(server, kChannel);

  Side ours{[&] { publisher.publish(burst, kFrameBytes, now_ns()); }, subscribers, server.process(), count * burst};
  Side bare{[&] { floor.round(); }, drain, floor.process(), count * burst};
  bare.run(3);
  ours.run(3);

  // A round of sends takes 6 to 12 us a socket.
  const auto rounds =
      std::max<std::size_t>(1, static_cast<std::size_t>(scale.slice_seconds / (static_cast<double>(count) * 9e-6)));
  const Compared compared =
      compare([&] { return ours.timed(rounds); }, [&] { return bare.timed(rounds); }, scale.slices);
  return {.scenario = fmt::format("{}, {} subscribers",
                                  burst == 1 ? "one at a time" : fmt::format("bursts of {}", burst), count),
          .figure = compared.cost,
          .unit = "us/delivery",
          .floor = compared.floor(),
          .limit = kRatioMax,
          .notes = fmt::format("a delivery: {}; floor: {}", ours.counts(rounds), bare.counts(rounds))};
}

/// Publications fall due at an even rate; a late one counts from when it was due.
Finding steady_rate(ServerProcess& server, Reader& subscribers, std::size_t count, const Scale& scale) {
  constexpr std::size_t kBurst = 16;
  const std::size_t requests = scale.per_second * scale.seconds / kBurst;
  const std::int64_t interval_ns = static_cast<std::int64_t>(1e9 * kBurst / static_cast<double>(scale.per_second));
  Publisher publisher(server, kChannel);
  subscribers.latency();  // forgets what came before
  const auto cpu = server.process().cpu();
  const std::int64_t begin = now_ns();
  for (std::size_t i = 0; i < requests; ++i) {
    const std::int64_t due = begin + static_cast<std::int64_t>(i) * interval_ns;
    if (const std::int64_t early = due - now_ns(); early > 0) usleep(static_cast<useconds_t>(early / 1000));
    publisher.publish(kBurst, kFrameBytes, due);
  }
  subscribers.wait_for(requests * kBurst * count, 120);
  const double seconds = static_cast<double>(now_ns() - begin) / 1e9;
  const double used = std::chrono::duration<double>(server.process().cpu() - cpu).count();
  const auto deliveries = static_cast<double>(requests * kBurst * count);
  const Latency latency = subscribers.latency();
  return {.scenario = fmt::format("{} publications/s, {} subscribers", scale.per_second, count),
          .figure = latency.p99_ms,
          .unit = "ms p99",
          .limit = 30,
          .notes = fmt::format(
              "all delivered: {:.2f} M deliveries/s, {:.2f} M per second of server CPU; p50 {:.1f} ms, max {:.1f} "
              "ms, {} samples",
              deliveries / seconds / 1e6, deliveries / used / 1e6, latency.p50_ms, latency.max_ms, latency.samples)};
}

int run(int argc, char** argv) {
  Report report("fanout", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  ServerProcess server;
  const std::vector<std::string> tokens = sign_in(server.port(), scale.few);
  for (const std::size_t count : {scale.few, scale.many}) {
    Reader subscribers(
        {.port = server.port(), .connections = count, .tokens = tokens, .channel = kChannel, .sample_every = 50});
    subscribers.wait_open();
    report.add(fan_out(server, subscribers, count, 1, scale));
    if (count != scale.few) continue;
    report.add(fan_out(server, subscribers, count, 16, scale));
    report.add(steady_rate(server, subscribers, count, scale));
  }
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
