// The part of the token doctor's findings that may be told to anybody who has the token, where pages are on.
//
// Told is what the token itself and public routes tell: its form, its claims against what is expected, the clocks,
// whether the signature is good; and of its session only where the signature is good, so that nobody asks about others'
// sessions. Never told: anything about keys and secrets – names, fingerprints, which mistake was made. What is not
// listed as public is left out. Pure; any thread.
#pragma once

#include <vector>

#include "token/doctor.hpp"

namespace gatecast::server {

std::vector<token::Finding> public_findings(std::vector<token::Finding> all);

}  // namespace gatecast::server
