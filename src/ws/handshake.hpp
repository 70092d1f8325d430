// The opening handshake of RFC 6455 §4.2: judges an upgrade request, answers it.
//
// Knows no HTTP types: the caller hands in the header fields, several lines of one field joined by ", ". Pure.
// Errors: upgrade_required, websocket_version (the refusal must carry `Sec-WebSocket-Version: 13`), websocket_key.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::ws {

struct UpgradeRequest {
  std::string_view method;
  bool http_1_1 = true;
  bool has_body = false;
  std::string_view upgrade;     // Upgrade
  std::string_view connection;  // Connection
  std::string_view version;     // Sec-WebSocket-Version
  std::string_view key;         // Sec-WebSocket-Key
  std::string_view protocols;   // Sec-WebSocket-Protocol
};

struct Accepted {
  std::string accept;    // Sec-WebSocket-Accept
  std::string protocol;  // the sub-protocol chosen, or empty
};

/// Checks the request and chooses the first of the client's sub-protocols that is in `supported`. None in common is no
/// error: the connection goes on without one, and the client decides.
Result<Accepted> accept_upgrade(const UpgradeRequest& request, std::span<const std::string_view> supported);

/// Sec-WebSocket-Accept of a key: base64(SHA-1(key + GUID)) (RFC 6455 §4.2.2).
std::string accept_key(std::string_view key);

/// The whole 101 response. `extensions` is the value of Sec-WebSocket-Extensions, or empty.
std::string switching_protocols(const Accepted& accepted, std::string_view extensions = {});

}  // namespace gatecast::ws
