// The server beside `ws` and Socket.IO of Node in one run: fan-out, echo, connecting, idle memory.
//
// The peers do what they do out of the box: no users, no tokens, no channels; a client is ready after the upgrade (ws)
// or its handshake (Socket.IO). The server does its whole work. Both are driven by the same clients in turns; `floor`
// is the peer's figure, and ours must not be above it. They come from npm (bench/peers); where that is out of reach
// the benchmark says so and measures nothing.
#include <unistd.h>

#include <filesystem>

#include "bench/perf_count.hpp"
#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"
#include "bench/slices.hpp"

namespace gatecast::bench {
namespace {

constexpr std::size_t kFrameBytes = 102;
constexpr char kSaid[] =
    R"({"id":3,"publish":{"channel":"bench:peer-{}","data":{"p":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}})";

struct Scale {
  std::size_t slices = 12;
  double slice_seconds = 0.2;
  std::size_t few = 1000;
  std::size_t many = 10000;
  std::size_t echoes = 8;
  unsigned idle_seconds = 10;
};
constexpr Scale kSmoke = {.slices = 2, .slice_seconds = 0.005, .few = 50, .many = 100, .echoes = 2, .idle_seconds = 1};

class Peer {
 public:
  Peer(std::string name, Speaks speaks)
      : name_(std::move(name)), speaks_(speaks), process_({"node", GATECAST_BENCH_PEERS "/server.js", name_}, false) {
    const std::string line = process_.read_line();
    if (!line.starts_with("port ")) die(fmt::format("{} did not say its port: {}", name_, line));
    port_ = static_cast<std::uint16_t>(std::strtoul(line.c_str() + 5, nullptr, 10));
  }
  const std::string& name() const { return name_; }
  Process& process() { return process_; }
  void publish() { process_.write(fmt::format("{}\n", kFrameBytes)); }
  LoadOptions clients(std::size_t count) const {
    const std::string said =
        speaks_ == Speaks::socketio ? fmt::format("42[\"m\",\"{}\"]", std::string(86, 'x')) : std::string(96, 'x');
    return {.port = port_, .connections = count, .speaks = speaks_, .echo = said};
  }

 private:
  std::string name_;
  Speaks speaks_;
  Process process_;
  std::uint16_t port_ = 0;
};

struct Ours {
  ServerProcess server{};
  std::vector<std::string> tokens;

  explicit Ours(std::size_t users) : tokens(sign_in(server.port(), users)) {}
  LoadOptions clients(std::size_t count, const std::string& channel) const {
    return {.port = server.port(),
            .connections = count,
            .tokens = tokens,
            .channel = channel,
            .echo = kSaid,
            .echo_frames = 2};
  }
};

Finding finding(const Peer& peer, std::string what, std::string unit, const Compared& compared) {
  return {.scenario = fmt::format("{}: {}", peer.name(), what),
          .figure = compared.cost,
          .unit = std::move(unit),
          .floor = compared.floor(),
          .limit = 1};
}

Finding fan_out(Ours& ours, Peer& peer, std::size_t count, const Scale& scale) {
  Reader here(ours.clients(count, "bench:peers"));
  Reader there(peer.clients(count));
  here.wait_open();
  there.wait_open();
  Publisher publisher(ours.server, "bench:peers");
  const auto rounds =
      static_cast<std::size_t>(std::max(1.0, scale.slice_seconds * 1e6 / (9 * static_cast<double>(count))));
  const auto slice = [&](Process& process, Reader& reader, const std::function<void()>& publish) {
    return cpu_of(process, rounds * count, [&] {
      for (std::size_t i = 0; i < rounds; ++i) {
        publish();
        reader.wait_for(count);
      }
    });
  };
  const auto one = [&] {
    return slice(ours.server.process(), here, [&] { publisher.publish(1, kFrameBytes, now_ns()); });
  };
  const auto other = [&] { return slice(peer.process(), there, [&] { peer.publish(); }); };
  one();
  for (int i = 0; i < 3; ++i) other();  // what is compiled on the way
  return finding(peer, fmt::format("fan-out, {}", count), "us/delivery", compare(one, other, scale.slices));
}

Finding echo(Ours& ours, Peer& peer, const Scale& scale) {
  Reader here(ours.clients(scale.few, "bench:peer-{}"));
  Reader there(peer.clients(scale.few));
  here.wait_open();
  there.wait_open();
  const auto slice = [&](Process& process, Reader& reader) {
    return cpu_of(process, scale.few * scale.echoes, [&] { reader.echo(scale.echoes); });
  };
  const auto one = [&] { return slice(ours.server.process(), here); };
  const auto other = [&] { return slice(peer.process(), there); };
  one();
  for (int i = 0; i < 3; ++i) other();
  return finding(peer, fmt::format("echo, {}", scale.few), "us/echo", compare(one, other, scale.slices));
}

Finding connecting(Ours& ours, Peer& peer, const Scale& scale) {
  Reader here(ours.clients(scale.few, "bench:peers"));
  Reader there(peer.clients(scale.few));
  here.wait_open();
  there.wait_open();
  const auto slice = [&](Process& process, Reader& reader) {
    reader.abort_all();
    settle(process);
    return cpu_of(process, scale.few, [&] {
      reader.begin_open();
      reader.end_open();
    });
  };
  const auto one = [&] { return slice(ours.server.process(), here); };
  const auto other = [&] { return slice(peer.process(), there); };
  for (int i = 0; i < 3; ++i) other();
  return finding(peer, "connect", "us/connect", compare(one, other, scale.slices));
}

Finding idle(Ours& ours, Peer& peer, const Scale& scale) {
  const auto each = [&](Process& process, const LoadOptions& options) {
    const auto before = static_cast<double>(process.pss_bytes());
    Reader clients(options);
    clients.wait_open();
    sleep(scale.idle_seconds);
    return (static_cast<double>(process.pss_bytes()) - before) / static_cast<double>(scale.many);
  };
  const double mine = each(ours.server.process(), ours.clients(scale.many, "bench:peers"));
  const double theirs = each(peer.process(), peer.clients(scale.many));
  return finding(peer, fmt::format("idle, {}", scale.many), "B/client", {mine, mine / theirs});
}

int run(int argc, char** argv) {
  Report report("peers", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  if (!std::filesystem::exists(GATECAST_BENCH_PEERS "/node_modules/socket.io")) {
    fmt::print(stderr, "SKIPPED: nothing in bench/peers/node_modules; npm ci there needs the npm registry\n");
    return 0;
  }
  for (const auto& [name, speaks] : {std::pair{"ws", Speaks::websocket}, std::pair{"socket.io", Speaks::socketio}}) {
    // Memory first, of processes that have done nothing yet.
    Ours ours(scale.many);
    Peer peer(name, speaks);
    const Finding memory = idle(ours, peer, scale);
    report.add(fan_out(ours, peer, scale.few, scale));
    report.add(fan_out(ours, peer, scale.many, scale));
    report.add(echo(ours, peer, scale));
    report.add(connecting(ours, peer, scale));
    report.add(memory);
  }
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
