// P6: what a sign-in with a wallet and a renewal cost the server, beside their floor in the same run.
//
// New users sign in by Solana and get an EdDSA token, as shipped; then every session is renewed, each renewal a
// rotation (grace 0). All of it is durable before it is answered, audit row included. Challenges are real, made
// beforehand and not in the figure. Server and floor take turns in slices, driven by the same client with the same
// bytes over as many connections; the floor commits in groups as large as the server's were in the slice before.
#include "bench/floor_process.hpp"
#include "bench/http_load.hpp"
#include "bench/perf_count.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"

namespace gatecast::bench {
namespace {

constexpr std::size_t kConnections = 64;
constexpr double kSignInUsMax = 200;  // 5,000 a second and core
constexpr double kRenewalUsMax = 100;
constexpr double kRatioMax = 1.3;

struct Scale {
  std::size_t slices = 13;
  std::size_t each = 1000;  // sign-ins of a slice, and renewals
};
constexpr Scale kSmoke = {.slices = 3, .each = 100};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// One side of the comparison.
struct Side {
  Process& process;
  HttpLoad load;

  /// CPU time of a request, in microseconds.
  double timed(const std::vector<std::string>& requests, std::vector<std::string>* bodies = nullptr) {
    const auto before = process.cpu();
    auto got = load.run(requests);
    const double used = std::chrono::duration<double, std::micro>(process.cpu() - before).count();
    if (bodies != nullptr) *bodies = std::move(got);
    return used / static_cast<double>(requests.size());
  }
};

/// Server and floor in turns.
struct Slices {
  ServerProcess& server;
  AuthFloor& floor;
  Side& ours;
  Side& bare;
  std::vector<double> costs{}, ratios{}, groups{};
  double before = 0;

  double commits() const { return server.metric("gatecast_store_commits_total"); }

  /// One slice of each; the first only gives the size of groups and the floor before.
  std::vector<std::string> run(const std::vector<std::string>& requests) {
    std::vector<std::string> bodies;
    const double commits_before = commits();
    const double cost = ours.timed(requests, &bodies);
    const double group = static_cast<double>(requests.size()) / (commits() - commits_before);
    floor.set_group(group);
    const double after = bare.timed(requests);
    if (before > 0) {
      costs.push_back(cost);
      ratios.push_back(cost * 2 / (before + after));
      groups.push_back(group);
    }
    before = after;
    return bodies;
  }
  void report(Report& report, const std::string& what, double us_max, const std::string& notes) const {
    const double cost = median(costs);
    report.add({.scenario = what,
                .figure = cost,
                .unit = "us CPU",
                .limit = us_max,
                .notes = fmt::format("{:.0f} a second and core", 1e6 / cost)});
    report.add({.scenario = what + " beside its floor",
                .figure = cost,
                .unit = "us CPU",
                .floor = cost / median(ratios),
                .limit = kRatioMax,
                .notes = notes});
  }
};

/// Signs in slice by slice; gives the replies.
std::vector<std::string> sign_ins(Report& report, Slices slices, const Scale& scale) {
  const std::uint16_t port = slices.server.port();
  std::vector<std::string> replies;
  for (std::size_t i = 0; i < scale.slices; ++i) {
    const auto bodies = slices.run(prepare_sign_ins(port, scale.each));
    replies.insert(replies.end(), bodies.begin(), bodies.end());
  }
  // Counting may run its work twice, and no challenge works twice.
  std::vector<std::vector<std::string>> unused{prepare_sign_ins(port, scale.each), prepare_sign_ins(port, scale.each)};
  const Counts counts = count_while(slices.server.process().pid(), [&] {
    const auto bodies = slices.ours.load.run(unused.back());
    unused.pop_back();
    replies.insert(replies.end(), bodies.begin(), bodies.end());
  });
  slices.report(
      report, "sign-in", kSignInUsMax,
      fmt::format("{:.1f} sign-ins a flush; a sign-in: system calls {}, user instructions {}", median(slices.groups),
                  per(counts.system_calls, scale.each), per(counts.instructions, scale.each)));
  return replies;
}

std::vector<std::string> renewals_of(const std::vector<std::string>& replies) {
  std::vector<std::string> requests;
  for (const std::string& reply : replies) {
    requests.push_back(
        post_bytes("/api/v2/auth/refresh", fmt::format(R"({{"refreshToken":"{}"}})", member(reply, "refreshToken"))));
  }
  return requests;
}

void renewals(Report& report, Slices slices, const std::vector<std::string>& replies, const Scale& scale) {
  const auto slice = [&](std::size_t i) {
    const auto from = replies.begin() + static_cast<std::ptrdiff_t>(i * scale.each);
    return renewals_of({from, from + static_cast<std::ptrdiff_t>(scale.each)});
  };
  for (std::size_t i = 0; i < scale.slices; ++i) {
    const std::vector<std::string> bodies = slices.run(slice(i));
    if (bodies.back().find(".2.") == std::string::npos) die(fmt::format("not rotated: {}", bodies.back()));
  }
  // The sessions that were made while the sign-ins were counted.
  std::size_t next = scale.slices;
  const Counts counts = count_while(slices.server.process().pid(), [&] { slices.ours.load.run(slice(next++)); });
  slices.report(
      report, "renewal", kRenewalUsMax,
      fmt::format("{:.1f} renewals a flush; a renewal: system calls {}, user instructions {}", median(slices.groups),
                  per(counts.system_calls, scale.each), per(counts.instructions, scale.each)));
}

int run(int argc, char** argv) {
  Report report("auth", argc, argv);
  const Scale scale = report.smoke() ? kSmoke : Scale{};
  ServerProcess server({.eddsa = true, .session = "grace = \"0s\""});
  AuthFloor floor(server.folder() + "/floor.db");
  Side ours{server.process(), HttpLoad(server.port(), kConnections)};
  Side bare{floor.process(), HttpLoad(floor.port(), kConnections)};
  const std::vector<std::string> replies = sign_ins(report, {server, floor, ours, bare}, scale);
  renewals(report, {server, floor, ours, bare}, replies, scale);
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
