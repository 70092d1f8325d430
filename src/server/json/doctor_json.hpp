// What the token doctor found, as JSON: `[{id, verdict, text, cure?}]`. Pure; any thread.
#pragma once

#include <span>
#include <string>

#include "token/doctor.hpp"

namespace gatecast::server {

std::string findings_json(std::span<const token::Finding> findings);
/// Whether nothing is wrong.
bool all_good(std::span<const token::Finding> findings);

}  // namespace gatecast::server
