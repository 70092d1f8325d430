// P3: what an idle client costs the server in memory: connected, authenticated, on its personal channel and one more.
//
// Every client is a user of its own. The figure is the process's share of memory (PSS) with 10,000 of them after ten
// seconds, less that with none, over 10,000; sign-ins are done before the first reading. Sockets' memory in the kernel
// is reported apart, for both ends together.
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "bench/reader.hpp"
#include "bench/report.hpp"
#include "bench/server_process.hpp"
#include "bench/sign_in.hpp"

namespace gatecast::bench {
namespace {

constexpr double kBytesMax = 1024;

double slab_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Slab:")) return std::strtod(line.c_str() + 5, nullptr) * 1024;
  }
  return 0;
}

int run(int argc, char** argv) {
  Report report("idle", argc, argv);
  const std::size_t count = report.smoke() ? 100 : 10000;
  ServerProcess server;
  const std::vector<std::string> tokens = sign_in(server.port(), count);
  {
    // Code, tables and allocator arenas that the first client needs are not the ten-thousandth's.
    Reader first({.port = server.port(), .connections = 10, .tokens = tokens, .channel = "bench:idle"});
    first.wait_open();
  }
  sleep(2);
  const auto before = static_cast<double>(server.process().pss_bytes());
  const double kernel_before = slab_bytes();
  Reader clients({.port = server.port(), .connections = count, .tokens = tokens, .channel = "bench:idle"});
  clients.wait_open();
  sleep(10);
  const double each = (static_cast<double>(server.process().pss_bytes()) - before) / static_cast<double>(count);
  report.add({.scenario = fmt::format("{} clients", count),
              .figure = each,
              .unit = "B/client",
              .limit = kBytesMax,
              .notes = fmt::format("PSS with none {:.1f} MB; the kernel's slabs, both ends of a connection: {:.0f} B",
                                   before / 1e6, (slab_bytes() - kernel_before) / static_cast<double>(count))});
  return report.finish();
}

}  // namespace
}  // namespace gatecast::bench

int main(int argc, char** argv) { return gatecast::bench::run(argc, argv); }
