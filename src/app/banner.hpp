// What a person sees when the server has started: where it listens, what it signs with, and the next step.
#pragma once

#include "server/server.hpp"

namespace gatecast::app {

/// At most eight lines on stdout; the last is the next step.
void print_banner(const server::Config& config, const server::Server& server);

}  // namespace gatecast::app
