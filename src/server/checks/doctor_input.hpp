// What the token doctor knows of this server: keys, former keys, trusted issuers, and the secrets as they are written.
//
// Made once at start, because it reads files. Holds secrets: it is given to the doctor and to nothing else.
#pragma once

#include "server/config/config.hpp"
#include "token/doctor.hpp"

namespace gatecast::server {

/// Without ring and time, which the caller adds.
token::DoctorInput make_doctor_input(const Config& config, WallTime now);

}  // namespace gatecast::server
