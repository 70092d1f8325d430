// Users, sessions and tokens as JSON, alike over HTTP and on sockets; and the body of a request that must be JSON.
//
// Pure; any thread.
#pragma once

#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"
#include "server/routes/exchange.hpp"

namespace gatecast::server {

/// Errors: content_type, bad_json.
Result<JsonIn> body_of(const Exchange& exchange);

/// `{}` where the body is empty. Errors: content_type, bad_json.
Result<JsonIn> optional_body_of(const Exchange& exchange);

/// The proof with which the body of a sensitive call confirms it; nothing where it has none.
Result<std::optional<session::Proof>> confirming_of(const Exchange& exchange);

/// `wallet` where the identity is one; of a Telegram identity telegram_id, username, first_name.
JsonOut user_json(const store::UserRow& user, std::string_view kind, std::string_view subject,
                  std::string_view profile);
JsonOut user_json(const store::SessionView& view);
/// `{id, kind, address | telegram_id…, createdAt}`
JsonOut identity_json(const store::IdentityRow& row);
JsonOut session_json(const store::SessionRow& row);
/// `{success, token, expiresIn, expiresAt, refreshToken, refreshExpiresAt, session{id}, user{…}}`
JsonOut tokens_json(const session::Tokens& tokens);
/// Counts and logs a sign-in's outcome, and says to the limiter that an account's own user came.
void note_signin(Exchange& exchange, const Result<session::Tokens>& tokens);
/// The answer of a sign-in: tokens with `created` and `referred`, or its refusal; counted and logged.
http::Response signin_response(Exchange& exchange, const Result<session::Tokens>& tokens);

}  // namespace gatecast::server
