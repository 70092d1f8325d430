// P10: what history and recovery cost a publication and its deliveries.
//
// Two channels of one server, one in a namespace that keeps 100 publications and forces recovery, one that keeps
// nothing, with subscribers of their own; publications go to the one, then to the other, in turns.
#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"
#include "bench/slices.hpp"

namespace gatecast::bench {
namespace {

constexpr double kRatioMax = 1.2;
constexpr std::size_t kFrameBytes = 102;

struct Scale {
  std::size_t slices = 30;
  double slice_seconds = 0.1;
  std::size_t many = 1000;
};
constexpr Scale kSmoke = {.slices = 2, .slice_seconds = 0.005, .many = 50};

Finding with_history(ServerProcess& server, const std::vector<std::string>& tokens, std::size_t count,
                     std::size_t burst, const Scale& scale) {
  const LoadOptions options{.port = server.port(), .connections = count, .tokens = tokens};
  LoadOptions with = options;
  with.channel = "kept:history";
  LoadOptions without = options;
  without.channel = "bench:history";
  Reader kept(with);
  Reader plain(without);
  kept.wait_open();
  plain.wait_open();
  Publisher to_kept(server, with.channel);
  Publisher to_plain(server, without.channel);
  // A request takes about 30 us, a delivery 6, of a burst less.
  const double round_us = 30 + 2 * static_cast<double>(burst) + 6 * static_cast<double>(count);
  const auto rounds = std::max<std::size_t>(1, static_cast<std::size_t>(scale.slice_seconds * 1e6 / round_us));
  const auto side = [&](Publisher& publisher, Reader& reader) {
    return cpu_of(server.process(), rounds * burst * count, [&] {
      for (std::size_t i = 0; i < rounds; ++i) {
        publisher.publish(burst, kFrameBytes, now_ns());
        reader.wait_for(burst * count);
      }
    });
  };
  side(to_kept, kept);
  side(to_plain, plain);
  const Compared compared =
      compare([&] { return side(to_kept, kept); }, [&] { return side(to_plain, plain); }, scale.slices);
  return {.scenario = fmt::format("{}, {} subscriber{}", burst == 1 ? "one at a time" : "bursts of 16", count,
                                  count == 1 ? "" : "s"),
          .figure = compared.cost,
          .unit = "us/delivery",
          .floor = compared.floor(),
          .limit = kRatioMax,
          .notes = "floor: the channel without history; the publication's own cost is in both"};
}

int run(int argc, char** argv) {
  Report report("history", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  ServerProcess server;
  const std::vector<std::string> tokens = sign_in(server.port(), scale.many);
  report.add(with_history(server, tokens, 1, 1, scale));
  report.add(with_history(server, tokens, scale.many, 1, scale));
  report.add(with_history(server, tokens, scale.many, 16, scale));
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
