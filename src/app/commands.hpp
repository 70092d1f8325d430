// The command line: parses it, loads the configuration where a command needs one, and does the command.
//
// Place: main calls `run_command` once. Threads: any one. Results go to `out`, complaints to `err`.
// Exit codes: 0 fine, 1 failed, 2 usage, 3 warnings under --strict.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "server/config/load.hpp"

namespace gatecast::app {

struct Io {
  std::ostream& out;
  std::ostream& err;
  std::vector<std::pair<std::string, std::string>> environment{};
  std::function<int(server::Loaded)> serve{};
};

/// `arguments` without the program's name.
int run_command(const std::vector<std::string>& arguments, const Io& io);

}  // namespace gatecast::app
