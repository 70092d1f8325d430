// P8: everybody comes back at once after a drained restart, and gets what was missed.
//
// 19,000 connections of users of their own, in two processes, on one channel with history and on their personal
// channels, stand somewhere when the server is stopped with SIGTERM. The next process on the same data and port is
// started; from its first taken connection on, all come back, up to 2,048 on their way at a time, with one frame that
// holds connect, the place on the personal channel, and subscribe with the place on the other. Meanwhile three more
// publications are made, so that early ones get them live and late ones with their reply. Counted until the last has
// its replies; then everybody must stand at the newest publication, without a hole and nothing twice. The drain is
// not spread over time here, as it is by default, and is reported apart.
#include <unistd.h>

#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"
#include "bench/slices.hpp"

namespace gatecast::bench {
namespace {

constexpr double kSecondsMax = 3;
constexpr double kLostShareMax = 0.001;
constexpr double kQueriesMax = 1;  // of the store, a hundred connections
constexpr char kChannel[] = "kept:storm";
constexpr std::size_t kFrameBytes = 102;
constexpr std::size_t kBefore = 5;
constexpr std::size_t kMeanwhile = 3;
constexpr useconds_t kBetween_us = 300'000;

struct Scale {
  std::size_t connections = 19000;
  std::size_t rounds = 3;
};
constexpr Scale kSmoke = {.connections = 200, .rounds = 1};

double seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

struct Half {
  std::vector<std::string> tokens;
  std::unique_ptr<Reader> reader;
};

std::vector<Half> connect_all(ServerProcess& server, std::size_t connections) {
  std::vector<std::string> tokens = sign_in(server.port(), connections);
  std::vector<Half> halves(2);
  for (std::size_t i = 0; i < tokens.size(); ++i) halves[i % 2].tokens.push_back(std::move(tokens[i]));
  std::size_t first = 0;
  for (Half& half : halves) {
    half.reader = std::make_unique<Reader>(LoadOptions{.port = server.port(),
                                                       .connections = half.tokens.size(),
                                                       .tokens = half.tokens,
                                                       .channel = kChannel,
                                                       .first = first,
                                                       .may_close = true,
                                                       .remembers = true,
                                                       .opening = 1024});
    first += half.tokens.size();
  }
  for (Half& half : halves) half.reader->wait_open();
  return halves;
}

struct Round {
  double drained_s = 0;
  double back_s = 0;
  double cpu_s = 0;
  double store_operations = 0;
};

Round storm(ServerProcess& server, std::vector<Half>& halves, std::size_t& top) {
  Round round;
  const std::int64_t told = now_ns();
  server.stop();
  round.drained_s = seconds(now_ns() - told);
  for (Half& half : halves) half.reader->wait_closed();

  const std::int64_t listening = server.start_again();
  for (Half& half : halves) half.reader->begin_open();
  Publisher publisher(server, kChannel);
  for (std::size_t i = 0; i < kMeanwhile; ++i) {
    if (i > 0) usleep(kBetween_us);
    publisher.publish(1, kFrameBytes, now_ns());
  }
  top += kMeanwhile;
  std::int64_t last = 0;
  for (Half& half : halves) last = std::max(last, half.reader->end_open());
  round.back_s = seconds(last - listening);
  round.cpu_s = std::chrono::duration<double>(server.process().cpu()).count();
  round.store_operations = server.metric("gatecast_store_operations_total");
  for (Half& half : halves) half.reader->wait_standing_at(top);
  return round;
}

int run(int argc, char** argv) {
  Report report("storm", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  ServerProcess server({.limits = "drain_spread = \"0s\""});
  std::vector<Half> halves = connect_all(server, scale.connections);
  std::size_t top = kBefore;
  {
    Publisher publisher(server, kChannel);
    for (std::size_t i = 0; i < kBefore; ++i) publisher.publish(1, kFrameBytes, now_ns());
    for (Half& half : halves) half.reader->wait_standing_at(top);
  }

  std::vector<double> back;
  std::vector<double> drained;
  std::vector<double> cpu;
  double operations = 0;
  for (std::size_t i = 0; i < scale.rounds; ++i) {
    const Round round = storm(server, halves, top);
    back.push_back(round.back_s);
    drained.push_back(round.drained_s);
    cpu.push_back(round.cpu_s);
    operations = std::max(operations, round.store_operations);
  }
  Returned all;
  for (Half& half : halves) {
    const Returned of = half.reader->returned();
    all.recovered += of.recovered;
    all.lost += of.lost;
    all.personal_recovered += of.personal_recovered;
    all.personal_lost += of.personal_lost;
    all.publications += of.publications;
  }
  const auto share = [](std::uint64_t lost, std::uint64_t recovered) {
    return static_cast<double>(lost) / static_cast<double>(std::max<std::uint64_t>(1, lost + recovered));
  };
  const auto connections = static_cast<double>(scale.connections);
  report.add({.scenario = fmt::format("{} come back", scale.connections),
              .figure = median(back),
              .unit = "s",
              .limit = kSecondsMax,
              .notes = fmt::format("server CPU {:.2f} s, its start included; {} publications came with replies",
                                   median(cpu), all.publications)});
  report.add({.scenario = "not recovered: the channel",
              .figure = share(all.lost, all.recovered),
              .unit = "share",
              .limit = kLostShareMax,
              .notes = fmt::format("{} of {} recovered", all.recovered, all.recovered + all.lost)});
  report.add({.scenario = "not recovered: personal channels",
              .figure = share(all.personal_lost, all.personal_recovered),
              .unit = "share",
              .limit = kLostShareMax});
  report.add({.scenario = "store operations, start included",
              .figure = operations * 100 / connections,
              .unit = "per 100",
              .limit = report.smoke() ? 0 : kQueriesMax});
  report.add({.scenario = "the drain", .figure = median(drained), .unit = "s"});
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
