// What the configuration alone shows: its findings by check, the fingerprints of its secrets, and what is doubtful in
// values that are good by themselves.
//
// Place: judges for `gatecast doctor`, the start-up's log and the method `checks`. Threads: any; `check_keys` reads
// token.key_dir and certificates, the others are pure. What is not wrong gives one line with what was seen.
#pragma once

#include "server/checks/checks.hpp"
#include "server/config/load.hpp"

namespace gatecast::server {

/// Warnings begin that long before a key's or certificate's end.
inline constexpr std::chrono::days kEndsSoon{14};

/// The findings of `load`, each under the check it belongs to.
Checks check_findings(const Loaded& loaded);
/// What is good by itself and still to be looked at: pages, development mode, origins without TLS.
Checks check_values(const Config& config);
/// Which token keys sign, wait, leave; ends of token, session and API keys.
Checks check_keys(const Config& config, WallTime now);

}  // namespace gatecast::server
