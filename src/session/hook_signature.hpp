// How a request to the application proves that it is ours: webhooks and the registration hook carry it.
//
//   Gatecast-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA-256(secret, "<t>.<body>")>
//
// The receiver makes the same mac of the bytes as they came, compares in constant time, and refuses a `t` that lies
// minutes away, so that a copied request cannot be sent again later. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/secret.hpp"

namespace gatecast::session {

inline constexpr std::string_view kHookSignatureHeader = "Gatecast-Signature";

/// The header's value for a body sent at `at`.
std::string hook_signature(const Secret& secret, WallTime at, std::string_view body);

}  // namespace gatecast::session
