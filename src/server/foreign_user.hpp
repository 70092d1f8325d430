// Users of trusted issuers, `name:subject`: the store has no row of them, yet they hold grants and notifications.
//
// Pure; any thread. Those of an issuer with `subject = "same"` are the application's own, which it makes known by
// user_upsert.
#pragma once

#include <string_view>

#include "server/config/config.hpp"

namespace gatecast::server {

bool is_foreign_user(const Config& config, std::string_view id);

}  // namespace gatecast::server
