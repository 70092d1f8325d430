// The ways to sign in, from the configuration to what the session layer takes. Pure.
#pragma once

#include "server/config/config.hpp"
#include "session/sessions.hpp"

namespace gatecast::server {

/// Fills in chains, Telegram's bots and registration. Error: config_invalid.
Result<void> fill_signin(const SigninConfig& config, session::SessionOptions& options);

}  // namespace gatecast::server
