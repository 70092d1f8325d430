// Operators who call the server API by a token of their own: who they are, and what they may do.
//
// Place: between the routes whose caller may be an operator and the table of methods. The token is compared by its
// SHA-256, in constant time; wrong ones are counted by address. A method without an effect is open to both roles; of
// those with one only the few that are named here, and to the role act. Nothing that makes a token or an account, or
// touches the server's files, is open to anyone who found a token in a browser.
// Threads: any shard. Errors: operator_unknown, rate_limited; operator_role, operator_method.
#pragma once

#include <chrono>

#include "server/api/methods.hpp"
#include "server/routes/exchange.hpp"

namespace gatecast::server {

/// Whose token that is. Errors: operator_unknown, rate_limited with `retry_after`.
Task<Result<const Operator*>> check_operator(const Exchange& exchange, std::string token,
                                             std::chrono::seconds& retry_after);
/// The operator whose token the request brings in `Authorization: Bearer …`, for a call of the server API.
Task<Result<const Operator*>> admit_operator(const Exchange& exchange, std::chrono::seconds& retry_after);
/// Whether the request names an operator and no API key.
bool brings_operator(const http::Request& request);

/// Errors: operator_role, operator_method.
Result<void> operator_may(const Operator& person, const ApiEntry& entry);

}  // namespace gatecast::server
