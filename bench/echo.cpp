// P5: what it costs a client to publish to itself, beside a bare epoll loop that echoes the same bytes.
//
// 1,000 connections, each on a channel of its own with the right to publish there; each says its publication, waits
// for the reply and for the publication, then says it again. The floor reads the same frames, takes the mask off, and
// sends two frames of the same sizes in one send. Both sides have one message under way a connection.
#include "bench/floor_process.hpp"
#include "bench/perf_count.hpp"
#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"
#include "bench/slices.hpp"

namespace gatecast::bench {
namespace {

constexpr double kRatioMax = 1.25;
constexpr std::size_t kReplyBytes = 23;  // {"id":3,"publish":{}} and a head
constexpr char kChannel[] = "bench:echo-{}";
constexpr char kSaid[] =
    R"({"id":3,"publish":{"channel":"bench:echo-{}","data":{"p":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}})";

struct Scale {
  std::size_t slices = 30;
  std::size_t connections = 1000;
  std::size_t echoes = 8;  // of each connection, a slice
};
constexpr Scale kSmoke = {.slices = 2, .connections = 50, .echoes = 2};

int run(int argc, char** argv) {
  Report report("echo", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  ServerProcess server;
  const std::vector<std::string> tokens = sign_in(server.port(), scale.connections);
  Reader clients({.port = server.port(),
                  .connections = scale.connections,
                  .tokens = tokens,
                  .channel = kChannel,
                  .echo = kSaid,
                  .echo_frames = 2});
  clients.wait_open();
  clients.echo(2);
  // How many bytes come back, the floor learns from the server's own count.
  const double bytes =
      server.bytes_out_of([&] { clients.echo(scale.echoes); }) / static_cast<double>(scale.echoes * scale.connections);
  LoopFloor floor("echo", kReplyBytes, static_cast<std::size_t>(bytes + 0.5) - kReplyBytes);
  Reader others({.port = floor.port(),
                 .connections = scale.connections,
                 .speaks = Speaks::nothing,
                 .echo = kSaid,
                 .echo_frames = 2});
  others.wait_open();
  others.echo(2);

  const std::uint64_t units = scale.echoes * scale.connections;
  const auto ours = [&] { return cpu_of(server.process(), units, [&] { clients.echo(scale.echoes); }); };
  const auto bare = [&] { return cpu_of(floor.process(), units, [&] { others.echo(scale.echoes); }); };
  const Compared compared = compare(ours, bare, scale.slices);
  const auto counts = [&](Process& process, Reader& reader) {
    const Counts c = count_while(process.pid(), [&] { reader.echo(scale.echoes); });
    return fmt::format("system calls {}, user instructions {}", per(c.system_calls, units), per(c.instructions, units));
  };
  report.add({.scenario = fmt::format("{} connections", scale.connections),
              .figure = compared.cost,
              .unit = "us/echo",
              .floor = compared.floor(),
              .limit = kRatioMax,
              .notes = fmt::format("{:.0f} bytes back; an echo: {}; floor: {}", bytes,
                                   counts(server.process(), clients), counts(floor.process(), others))});
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
