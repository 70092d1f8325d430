// Users, sessions and tokens as JSON, alike over HTTP and on sockets; and the body of a request that must be JSON.
//
// Pure; any thread.
#pragma once

#include "server/exchange.hpp"
#include "server/json_in.hpp"
#include "server/json_out.hpp"

namespace gatecast::server {

/// Errors: content_type, bad_json.
Result<JsonIn> body_of(const Exchange& exchange);

JsonOut user_json(const store::UserRow& user, std::string_view address);
JsonOut session_json(const store::SessionRow& row);
/// `{success, token, expiresIn, expiresAt, refreshToken, refreshExpiresAt, session{id}, user{…}}`
JsonOut tokens_json(const session::Tokens& tokens);

}  // namespace gatecast::server
