// P13: what grows with the number of subscribers and of channels, and how.
//
// Subscribers: the cost of a delivery at 10, 100, 1,000 and 10,000 of them, less that of a publication nobody hears,
// beside the send() floor at as many sockets; what is judged is how ours moves against the floor's. Channels: two
// servers side by side, one with 1,000 channels and one with more, on 1,000 connections each, one subscriber a channel;
// publications go round all channels, 64 in a request. Memory: the server's share with 10,000, 50,000 and 100,000
// channels of one subscriber, whose names are as long as that of a personal channel: what one more costs, which is what
// a personal channel costs.
#include <unistd.h>

#include "bench/floor_process.hpp"
#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"
#include "bench/slices.hpp"

namespace gatecast::bench {
namespace {

constexpr double kDeliveryMax = 1.15;
constexpr double kChannelsMax = 1.25;
constexpr double kLinearMax = 1.3;
constexpr double kChannelBytesMax = 200;
constexpr std::size_t kFrameBytes = 102;
constexpr char kFanout[] = "bench:growth";
// With five digits as long as `#` and a user's id of 20 letters.
constexpr char kEach[] = "bench:aaaaaaaaaa{}";

struct Scale {
  std::size_t slices = 20;
  double slice_seconds = 0.1;
  std::vector<std::size_t> subscribers = {10, 100, 1000, 10000};
  std::size_t connections = 1000;
  std::vector<std::size_t> channels_each = {10, 50, 100};
};
const Scale kSmoke = {
    .slices = 2, .slice_seconds = 0.005, .subscribers = {10, 50}, .connections = 50, .channels_each = {2, 4, 8}};

struct Delivery {
  double cost = 0;
  double floor = 0;
  double ratio = 0;
};

/// A publication to nobody costs about 20 us; it is measured beside every slice.
Delivery delivery(ServerProcess& server, const std::vector<std::string>& tokens, std::size_t count,
                  const Scale& scale) {
  Reader subscribers({.port = server.port(), .connections = count, .tokens = tokens, .channel = kFanout});
  subscribers.wait_open();
  FloorProcess floor(count, kFrameBytes, 1);
  Reader drain({.port = floor.port(), .connections = count, .speaks = Speaks::nothing});
  floor.wait_ready();
  drain.wait_open();
  Publisher publisher(server, kFanout);
  Publisher to_nobody(server, "bench:nobody");
  const auto rounds =
      static_cast<std::size_t>(std::max(1.0, scale.slice_seconds * 1e6 / (40 + 9 * static_cast<double>(count))));
  const auto ours = [&] {
    const double nobody = cpu_of(server.process(), rounds, [&] {
      for (std::size_t i = 0; i < rounds; ++i) to_nobody.publish(1, kFrameBytes, now_ns());
    });
    const double all = cpu_of(server.process(), rounds, [&] {
      for (std::size_t i = 0; i < rounds; ++i) {
        publisher.publish(1, kFrameBytes, now_ns());
        subscribers.wait_for(count);
      }
    });
    return (all - nobody) / static_cast<double>(count);
  };
  const auto bare = [&] {
    return cpu_of(floor.process(), rounds * count, [&] {
      for (std::size_t i = 0; i < rounds; ++i) {
        floor.round();
        drain.wait_for(count);
      }
    });
  };
  ours();
  bare();
  const Compared compared = compare(ours, bare, scale.slices);
  return {compared.cost, compared.floor(), compared.ratio};
}

void by_subscribers(Report& report, const Scale& scale) {
  ServerProcess server;
  const std::vector<std::string> tokens = sign_in(server.port(), std::min<std::size_t>(1000, scale.subscribers.back()));
  std::vector<Delivery> found;
  for (const std::size_t count : scale.subscribers) {
    found.push_back(delivery(server, tokens, count, scale));
    report.add({.scenario = fmt::format("a delivery, {} subscribers", count),
                .figure = found.back().cost,
                .unit = "us/delivery",
                .floor = found.back().floor});
  }
  double least = found.front().ratio;
  for (const Delivery& d : found) least = std::min(least, d.ratio);
  report.add({.scenario = fmt::format("growth to {} subscribers", scale.subscribers.back()),
              .figure = found.back().ratio / least,
              .unit = "x",
              .limit = kDeliveryMax,
              .notes = "ours by the floor's, at most subscribers against where that is least"});
}

/// A server with `each` channels on every connection.
struct Channels {
  ServerProcess server{};
  std::vector<std::string> tokens;
  std::size_t count;
  Reader reader;
  Publisher publisher;
  std::size_t next = 0;

  Channels(std::size_t connections, std::size_t each)
      : tokens(sign_in(server.port(), connections)),
        count(connections * each),
        reader({.port = server.port(),
                .connections = connections,
                .tokens = tokens,
                .channel = kEach,
                .channels_each = each}),
        publisher(server, kEach) {
    reader.wait_open();
  }
  /// The next of all channels: one of each connection, then the second of each, so that every frame is a send.
  std::size_t number() {
    const std::size_t connections = tokens.size();
    const std::size_t each = count / connections;
    const std::size_t at = next++ % count;
    return at % connections * each + at / connections;
  }
  double publish(std::size_t requests) {
    constexpr std::size_t kBatch = 64;
    std::vector<std::size_t> numbers(std::min(kBatch, tokens.size()));
    return cpu_of(server.process(), requests * numbers.size(), [&] {
      for (std::size_t i = 0; i < requests; ++i) {
        for (std::size_t& n : numbers) n = number();
        publisher.publish_to_each(numbers);
        reader.wait_for(numbers.size());
      }
    });
  }
};

void by_channels(Report& report, const Scale& scale) {
  Channels few(scale.connections, 1);
  for (const std::size_t each : {scale.channels_each.front(), scale.channels_each.back()}) {
    Channels many(scale.connections, each);
    const std::size_t requests = std::max<std::size_t>(1, static_cast<std::size_t>(scale.slice_seconds * 1e6 / 800));
    few.publish(requests);
    // Once round all of them, so that each has been written to.
    many.publish(many.count / 64 + 1);
    const Compared compared =
        compare([&] { return many.publish(requests); }, [&] { return few.publish(requests); }, scale.slices);
    report.add({.scenario = fmt::format("a publication, {} channels", many.count),
                .figure = compared.cost,
                .unit = "us/publication",
                .floor = compared.floor(),
                .limit = kChannelsMax,
                .notes = fmt::format("with its delivery; floor: {} channels on as many connections", few.count)});
  }
}

void memory(Report& report, const Scale& scale) {
  ServerProcess server;
  const std::vector<std::string> tokens = sign_in(server.port(), scale.connections);
  std::vector<double> bytes;
  for (const std::size_t each : scale.channels_each) {
    Reader reader({.port = server.port(),
                   .connections = scale.connections,
                   .tokens = tokens,
                   .channel = kEach,
                   .channels_each = each});
    reader.wait_open();
    // Freed request memory goes back after a second, what sessions note is written within five.
    sleep(report.smoke() ? 1 : 10);
    bytes.push_back(static_cast<double>(server.process().pss_bytes()));
  }
  const auto slope = [&](std::size_t from, std::size_t to) {
    return (bytes[to] - bytes[from]) /
           static_cast<double>(scale.connections * (scale.channels_each[to] - scale.channels_each[from]));
  };
  const auto channels = [&](std::size_t i) { return scale.connections * scale.channels_each[i]; };
  const bool judged = !report.smoke();
  report.add({.scenario = fmt::format("memory to {} channels", channels(2)),
              .figure = slope(1, 2) / slope(0, 1),
              .unit = "x",
              .limit = judged ? kLinearMax : 0,
              .notes = fmt::format("{:.0f} B a channel from {} to {}, {:.0f} B from there on", slope(0, 1), channels(0),
                                   channels(1), slope(1, 2))});
  report.add({.scenario = "an idle personal channel",
              .figure = slope(0, 2),
              .unit = "B",
              .limit = judged ? kChannelBytesMax : 0,
              .notes = "a channel with one subscriber and a name as long, its subscription included"});
}

int run(int argc, char** argv) {
  Report report("growth", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  by_subscribers(report, scale);
  by_channels(report, scale);
  memory(report, scale);
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
