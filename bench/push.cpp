// P12: how long a purchase or a notification takes from its commit to the bytes on its user's sockets.
//
// One user with two tabs on an idle machine; a back end calls grant_add, then notify, one call after another. Counted
// twice: by the server's clock from the commit to the kernel (push_seconds), whose 99th percentile is the bound of the
// bucket that it falls into; and by the client's from the call's first byte to the frame read by the last tab, commit
// included, beside a floor of the same run: a page written and flushed, then one bare frame to each of two sockets.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "bench/floor_process.hpp"
#include "bench/load.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"

namespace gatecast::bench {
namespace {

constexpr double kPushedMsMax = 2;
constexpr std::size_t kTabs = 2;
constexpr std::size_t kFrameBytes = 127;
constexpr std::size_t kPageBytes = 4096;
constexpr char kApiHeaders[] = "X-API-Key: bench-api-key-GVkGfEZYMJdQ5uSxhy2zBqz3UjTnBnWL\r\n";
constexpr std::pair<const char*, double> kBuckets[] = {{"0.001", 1},  {"0.0025", 2.5}, {"0.005", 5}, {"0.01", 10},
                                                       {"0.025", 25}, {"0.05", 50},    {"0.1", 100}};

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

double ms_since(std::int64_t ns) { return static_cast<double>(now_ns() - ns) / 1e6; }

/// Polls until so many more frames came; gives the milliseconds since `began`.
double read_by_all(Load& load, std::uint64_t target, std::int64_t began) {
  while (load.received() < target) {
    load.poll(1);
    if (now_ns() - began > 10'000'000'000) die(fmt::format("{} of {} frames came", load.received(), target));
  }
  return ms_since(began);
}

/// The same work without a server: a page appended and flushed, then a frame to each socket.
class Floor {
 public:
  explicit Floor(const std::string& folder)
      : process_(kTabs, kFrameBytes, 1),
        load_({.port = process_.port(), .connections = kTabs, .speaks = Speaks::nothing}),
        fd_(open((folder + "/floor").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    require(fd_ >= 0, "floor's file");
    load_.open();
    process_.wait_ready();
  }
  ~Floor() { close(fd_); }
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;

  double once() {
    const std::int64_t began = now_ns();
    const std::uint64_t target = load_.received() + kTabs;
    require(write(fd_, page_.data(), page_.size()) == static_cast<ssize_t>(page_.size()), "write");
    require(fdatasync(fd_) == 0, "fdatasync");
    process_.round();
    return read_by_all(load_, target, began);
  }

 private:
  FloorProcess process_;
  Load load_;
  const std::string page_ = std::string(kPageBytes, 'x');
  int fd_;
};

/// An access token for a user that the application makes known.
std::string token_of(HttpClient& api, const std::string& user) {
  const std::string reply = api.post_ok("/api/token_mint", fmt::format(R"({{"user":"{}","create":true}})", user));
  const std::string_view name = R"("token":")";
  const auto from = reply.find(name);
  if (from == std::string::npos) die(fmt::format("no token in: {}", reply));
  return reply.substr(from + name.size(), reply.find('"', from + name.size()) - from - name.size());
}

/// The smallest bound of a bucket that 99 of 100 are within, in milliseconds.
class ServerClock {
 public:
  explicit ServerClock(const ServerProcess& server) : server_(server), before_(read()) {}
  double p99_ms() const {
    const auto now = read();
    const double all = now.back() - before_.back();
    if (all == 0) die("no push was measured");
    for (std::size_t i = 0; i < std::size(kBuckets); ++i) {
      if (now[i] - before_[i] >= 0.99 * all) return kBuckets[i].second;
    }
    return 1000;
  }
  double share_within_ms() const {
    const auto now = read();
    return (now.front() - before_.front()) / (now.back() - before_.back());
  }

 private:
  std::vector<double> read() const {
    std::vector<double> counts;
    for (const auto& [bound, ms] : kBuckets) {
      counts.push_back(server_.metric(fmt::format("gatecast_push_seconds_bucket{{le=\"{}\"}}", bound)));
    }
    counts.push_back(server_.metric("gatecast_push_seconds_count"));
    return counts;
  }
  const ServerProcess& server_;
  const std::vector<double> before_;
};

/// Calls one after another, `body` with the call's number in place of `{}`, each beside the floor.
void measure(Report& report, ServerProcess& server, const std::string& what, const std::string& path,
             const std::string& body, std::size_t calls) {
  HttpClient api(server.ops_port(), kApiHeaders);
  const std::string user = "buyer-" + what;
  Load tabs({.port = server.port(), .connections = kTabs, .tokens = {token_of(api, user)}});
  tabs.open();
  Floor floor(server.folder());
  const ServerClock clock(server);
  std::vector<double> whole, bare;
  for (std::size_t i = 0; i < calls; ++i) {
    const std::string request = fmt::format(fmt::runtime(body), fmt::arg("user", user), fmt::arg("n", i));
    const std::uint64_t target = tabs.received() + kTabs;
    std::atomic<std::int64_t> began{0};
    const std::jthread caller([&] {
      began = now_ns();
      api.post_ok(path, request);
    });
    while (began == 0) std::this_thread::yield();
    whole.push_back(read_by_all(tabs, target, began));
    bare.push_back(floor.once());
  }
  report.add({.scenario = what + ", commit to kernel",
              .figure = clock.p99_ms(),
              .unit = "ms p99",
              .limit = kPushedMsMax,
              .notes = fmt::format("by the server's clock, bucket's bound; {:.1f} % within 1 ms",
                                   100 * clock.share_within_ms())});
  report.add({.scenario = what + ", call to both tabs",
              .figure = at(whole, 0.99),
              .unit = "ms p99",
              .floor = at(bare, 0.99),
              .notes = fmt::format("commit included; p50 {:.2f}, floor {:.2f}; max {:.2f}, floor {:.2f}",
                                   at(whole, 0.5), at(bare, 0.5), at(whole, 1), at(bare, 1))});
}

int run(int argc, char** argv) {
  Report report("push", argc, argv);
  const std::size_t calls = report.smoke() ? 20 : 2000;
  ServerProcess server;
  measure(report, server, "grant_add", "/api/grant_add",
          R"({{"user":"{user}","resource":"post:{n}","key":"order {n}","meta":{{"price":3}}}})", calls);
  measure(report, server, "notify", "/api/notify", R"({{"user":"{user}","kind":"sale","data":{{"order":{n}}}}})",
          calls);
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
