// The machine a server runs on: what is there (`look_at_host`), and what of it is too little (`check_host`).
//
// Place: judges for `gatecast doctor` and, by SelfChecks, of the running server. Threads: any; `look_at_host` blocks on
// the file systems of data.dir and log.dir and leaves nothing behind, `check_host` is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/checks/checks.hpp"
#include "server/config/config.hpp"

namespace gatecast::server {

struct FolderFacts {
  std::string path{};
  bool exists = false;
  bool writable = false;  // or, where it does not exist, what it would be made in
  std::string problem{};  // why not
  unsigned mode = 0;
  std::string system{};  // "ext4"; empty: unknown
  std::uint64_t free_bytes = 0;
};

struct PortFacts {
  std::string address{};
  std::string problem{};  // empty: it is free
};

struct HostFacts {
  FolderFacts data{}, log{};
  std::optional<PortFacts> public_port{}, ops_port{};  // nothing: not looked at, a server of ours has them
  std::uint64_t descriptors = 0;                       // this process may open
  std::uint64_t memory_bytes = 0;                      // of the machine, or its control group's limit
  unsigned shards = 1;
  WallTime now{};
};

/// `running`: a server of this configuration has the ports.
HostFacts look_at_host(const Config& config, WallTime now, bool running);
Checks check_host(const Config& config, const HostFacts& facts);

/// What the configured bounds let queues, logs and histories take, all shards together.
std::uint64_t bounded_bytes(const LimitsConfig& limits, unsigned shards);
/// "1.5 GiB"
std::string bytes_text(std::uint64_t bytes);

}  // namespace gatecast::server
