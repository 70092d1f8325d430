#include "server/checks/check_host.hpp"

#include <algorithm>

#include "core/time_text.hpp"

namespace gatecast::server {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kSpaceFail = 64 * kMiB;
constexpr std::uint64_t kSpaceWarn = 1024 * kMiB;
/// Descriptors that are no connections: files, listeners, requests to other servers.
constexpr std::uint64_t kOtherDescriptors = 256;
/// Before that year the clock cannot have been set: the program is younger.
constexpr std::int64_t kYear2025 = 1'735'689'600;

/// What a kind of file system does to a database; empty: nothing.
std::string_view trouble_of(std::string_view system, bool& certain) {
  certain = false;
  for (const std::string_view remote : {"nfs", "smb", "cifs", "9p"}) {
    if (system == remote) {
      certain = true;
      return "a network's: SQLite's locks and write-ahead log do not hold there";
    }
  }
  if (system == "tmpfs" || system == "ramfs") return "memory: everything is gone after a restart of the machine";
  if (system == "overlay") return "a container's own layer: everything is gone with the container";
  if (system == "fuse") return "of a kind whose locks may not hold (fuse)";
  return {};
}

void check_data(const FolderFacts& data, Checks& out) {
  if (!data.writable) {
    out.push_back(check_fail("data.folder", fmt::format("{}: {}", data.path, data.problem)));
  } else if (data.exists && (data.mode & 077) != 0) {
    out.push_back(check_warn("data.folder",
                             fmt::format("{} has mode {:o}: others may look into it", data.path, data.mode),
                             fmt::format("chmod 700 {}", data.path)));
  } else {
    out.push_back(check_ok("data.folder", data.exists ? data.path : data.path + ", made at the first start"));
  }
  bool certain = false;
  const auto trouble = trouble_of(data.system, certain);
  const auto seen = fmt::format("{} is on {}", data.path, data.system.empty() ? "an unknown file system" : data.system);
  if (trouble.empty()) {
    out.push_back(check_ok("data.system", seen));
  } else {
    auto said = fmt::format("{}, {}", seen, trouble);
    out.push_back(certain ? check_fail("data.system", std::move(said)) : check_warn("data.system", std::move(said)));
  }
  const auto space = fmt::format("{} free for {}", bytes_text(data.free_bytes), data.path);
  if (data.free_bytes < kSpaceFail) {
    out.push_back(check_fail("data.space", space));
  } else {
    out.push_back(data.free_bytes < kSpaceWarn ? check_warn("data.space", space) : check_ok("data.space", space));
  }
}

void check_port(CheckId id, const std::optional<PortFacts>& port, Checks& out) {
  if (!port) return;
  out.push_back(port->problem.empty() ? check_ok(id, port->address + " is free")
                                      : check_fail(id, fmt::format("{}: {}", port->address, port->problem)));
}

}  // namespace

std::uint64_t bounded_bytes(const LimitsConfig& limits, unsigned shards) {
  return shards * (limits.queued_bytes_shard + limits.log_bytes_shard + limits.history_bytes_shard);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) value /= 1024, ++unit;
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

Checks check_host(const Config& c, const HostFacts& facts) {
  Checks out;
  check_data(facts.data, out);
  if (c.log.dir.empty()) {
    out.push_back(check_ok("log.folder", "standard output alone"));
  } else {
    out.push_back(facts.log.writable
                      ? check_ok("log.folder", facts.log.path)
                      : check_fail("log.folder", fmt::format("{}: {}", facts.log.path, facts.log.problem)));
  }
  check_port("port.public", facts.public_port, out);
  check_port("port.ops", facts.ops_port, out);

  const std::uint64_t wanted = std::uint64_t{c.limits.connections} * facts.shards + kOtherDescriptors;
  const auto descriptors = fmt::format("{} allowed; {} connections on each of {} shard{} want {}", facts.descriptors,
                                       c.limits.connections, facts.shards, facts.shards == 1 ? "" : "s", wanted);
  out.push_back(facts.descriptors < wanted
                    ? check_warn("limits.descriptors", descriptors,
                                 fmt::format("Raise it: LimitNOFILE={} in the unit, ulimit -n {} in a shell; or lower "
                                             "limits.connections to {}.",
                                             wanted, wanted,
                                             (std::max(facts.descriptors, 2 * kOtherDescriptors) - kOtherDescriptors) /
                                                 facts.shards))
                    : check_ok("limits.descriptors", descriptors));

  const auto bounded = bounded_bytes(c.limits, facts.shards);
  const auto memory = fmt::format("queues, logs and histories may take {} of {}", bytes_text(bounded),
                                  facts.memory_bytes == 0 ? "an unknown memory" : bytes_text(facts.memory_bytes));
  const bool tight = facts.memory_bytes != 0 && bounded > facts.memory_bytes / 5 * 4;
  out.push_back(tight ? check_warn("limits.memory", memory) : check_ok("limits.memory", memory));

  const auto now = format_rfc3339(facts.now);
  out.push_back(unix_seconds(facts.now) < kYear2025 ? check_fail("clock.wall", now) : check_ok("clock.wall", now));
  return out;
}

}  // namespace gatecast::server
