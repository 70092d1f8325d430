// libsodium's one-time start. Every function of this layer that calls libsodium calls this first.
//
// Threads: any; the first caller starts the library, others wait. Errors: none; a library that does not start aborts.
#pragma once

namespace gatecast::crypto {

void sodium_ready();

}  // namespace gatecast::crypto
