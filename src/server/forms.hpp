// The forms publications take on the wire, made of ws and protocol. One object each, for the process's life.
#pragma once

#include "hub/form.hpp"

namespace gatecast::server {

/// JSON in a WebSocket text frame, uncompressed.
const hub::Form& json_over_websocket();

}  // namespace gatecast::server
