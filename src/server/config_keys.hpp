// Key material of a configuration as the objects that use it.
//
// Threads: any one; blocking where a key is a file. Errors: those of token::Key and of key files.
#pragma once

#include "server/config.hpp"
#include "token/key_ring.hpp"

namespace gatecast::server {

/// One token key, read from its file or made of its secret.
Result<token::Key> make_token_key(const Config& config, const TokenKey& key);
/// All of them; the first signs.
Result<token::KeyRing> make_key_ring(const Config& config);

}  // namespace gatecast::server
