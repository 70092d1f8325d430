// The forms publications take on the wire, made of ws and protocol. One object each, for the process's life.
#pragma once

#include "hub/form.hpp"

namespace gatecast::server {

/// JSON in a WebSocket text frame; `deflates`: compressed where that pays.
/// `joins`: for a subscriber that sees who comes and goes.
const hub::Form& json_over_websocket(bool joins, bool deflates);

}  // namespace gatecast::server
