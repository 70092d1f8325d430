// `gatecast serve`: wires the layers by the configuration, runs until a signal, and drains.
//
// Place: called by commands with a configuration without errors. Returns the exit code: 0 stopped in order, 1 failed
// to start (the reason is in the log).
#pragma once

#include "server/config/load.hpp"

namespace gatecast::app {

int serve(server::Loaded loaded);

}  // namespace gatecast::app
