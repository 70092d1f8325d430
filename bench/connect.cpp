// P4: what a connection costs the server until its client may work, beside what the kernel charges for it.
//
// Ours: accept, the request's head with all its rules, 101; then connect command with the access token and a subscribe
// in one frame: the token verified, the session looked up, the user filed, the personal channel and one more
// subscribed, both replies. The floor: accept, recv, SHA-1 of the key, 101; then a message as long as ours, unmasked,
// and as many bytes back as ours. Beside it the same without the messages: a bare upgrade. A slice is 1,000 connections
// of users of their own; they are reset outside of it. With EdDSA one signature is taken off: what the floor costs more
// when it verifies one for each connection, in the same run.
#include "bench/floor_process.hpp"
#include "bench/perf_count.hpp"
#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"
#include "bench/slices.hpp"

namespace gatecast::bench {
namespace {

constexpr double kRatioMax = 1.5;
constexpr std::size_t kUpgradeBytes = 129;  // the 101 response
constexpr std::size_t kReplyBytes = 100;    // the rest of what comes back is in a second frame

struct Scale {
  std::size_t slices = 30;
  std::size_t connections = 1000;
};
constexpr Scale kSmoke = {.slices = 2, .connections = 50};

/// One side: connections that are reset and opened again, of which only the opening counts.
struct Side {
  Reader& reader;
  Process& process;
  std::size_t connections;

  void reset() {
    reader.abort_all();
    settle(process);
  }
  void open() {
    reader.begin_open();
    reader.end_open();
  }
  double timed() {
    reset();
    return cpu_of(process, connections, [this] { open(); });
  }
  std::string counts() {
    const Counts c = count_while(process.pid(), [this] {
      reset();
      open();
    });
    return per(c.system_calls, connections);
  }
};

/// The floor that verifies a signature for each connection. In a loop of connections it costs more than by itself: the
/// sockets compete with its tables for the caches.
struct Verifying {
  template <class Greeter>
  Verifying(const Greeter& greeter, std::size_t rest, std::size_t connections)
      : floor(LoopFloor::greeting_signed(kReplyBytes, rest)),
        reader(greeter(floor)),
        side{reader, floor.process(), connections} {
    reader.wait_open();
    side.timed();
  }

  LoopFloor floor;
  Reader reader;
  Side side;
};

void connecting(Report& report, const Scale& scale, bool eddsa) {
  ServerProcess server({.eddsa = eddsa});
  const std::vector<std::string> tokens = sign_in(server.port(), scale.connections);
  Reader clients(
      {.port = server.port(), .connections = scale.connections, .tokens = tokens, .channel = "bench:connect"});
  clients.wait_open();
  Side ours{clients, server.process(), scale.connections};
  ours.timed();
  const double bytes = server.bytes_out_of([&] {
    ours.reset();
    ours.open();
  }) / static_cast<double>(scale.connections);

  LoopFloor upgrading;
  const std::size_t rest = static_cast<std::size_t>(bytes) - kUpgradeBytes - kReplyBytes;
  LoopFloor greeting("greet", kReplyBytes, rest);
  Reader upgraded({.port = upgrading.port(), .connections = scale.connections, .speaks = Speaks::websocket});
  // As long as connect with its token and subscribe are.
  const auto greeter = [&](LoopFloor& floor) {
    return LoadOptions{.port = floor.port(),
                       .connections = scale.connections,
                       .speaks = Speaks::websocket,
                       .echo = std::string(tokens.front().size() + 100, 'x'),
                       .echo_frames = 2,
                       .greets = true};
  };
  Reader greeted(greeter(greeting));
  upgraded.wait_open();
  greeted.wait_open();
  Side bare{upgraded, upgrading.process(), scale.connections};
  Side both{greeted, greeting.process(), scale.connections};
  bare.timed();
  both.timed();
  std::unique_ptr<Verifying> verifying;
  if (eddsa) verifying = std::make_unique<Verifying>(greeter, rest, scale.connections);
  std::vector<double> signatures;
  const auto one = [&] {
    const double cost = ours.timed();
    if (verifying == nullptr) return cost;
    // Next to it in time, since the machine drifts.
    signatures.push_back(verifying->side.timed() - both.timed());
    return cost - signatures.back();
  };
  const Compared to_both = compare(one, [&] { return both.timed(); }, scale.slices);
  const Compared to_bare = compare(one, [&] { return bare.timed(); }, scale.slices);
  const std::string name = eddsa ? "EdDSA, less one signature" : "HS256";
  report.add({.scenario = name,
              .figure = to_both.cost,
              .unit = "us/connect",
              .floor = to_both.floor(),
              .limit = kRatioMax,
              .notes = fmt::format("floor: upgrade and one message each way; {:.0f} bytes out; system calls of a "
                                   "connection, its reset included: {}; floor: {}{}",
                                   bytes, ours.counts(), both.counts(),
                                   eddsa ? fmt::format("; the signature: {:.1f} us", median(signatures)) : "")});
  report.add({.scenario = name + ", by the upgrade alone",
              .figure = to_bare.cost,
              .unit = "us/connect",
              .floor = to_bare.floor(),
              .notes = "the message each way is in ours alone"});
}

int run(int argc, char** argv) {
  Report report("connect", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  connecting(report, scale, false);
  connecting(report, scale, true);
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
