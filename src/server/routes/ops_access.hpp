// Who may read the operators' figures, `/stats` and `/metrics`.
//
// On a loopback address whoever reaches the port; elsewhere, once there is an operator, who brings an operator's token
// (`Authorization: Bearer`) or an API key (`X-API-Key`). Health stays open: balancers bring nothing.
// Errors: api_key_missing, api_key_unknown, operator_unknown, rate_limited.
#pragma once

#include "server/routes/exchange.hpp"

namespace gatecast::server {

/// Whether an address such as "127.0.0.1:9090" is reached from this machine alone.
bool is_loopback(std::string_view address);
/// Nothing where the caller may read, else the refusal.
Task<std::optional<http::Response>> refuse_reader(const Exchange& exchange);

}  // namespace gatecast::server
