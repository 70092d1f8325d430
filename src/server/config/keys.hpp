// Key material of a configuration as the objects that use it.
//
// Threads: any one; blocking where a key is a file. Errors: those of token::Key and of key files.
#pragma once

#include "server/config/config.hpp"
#include "token/key_ring.hpp"
#include "token/trusted.hpp"

namespace gatecast::server {

/// One token key, read from its file or made of its secret.
Result<token::Key> make_token_key(const Config& config, const TokenKey& key);
/// All of them, those of token.key_dir after those of the configuration; the first signs.
Result<token::KeyRing> make_key_ring(const Config& config);
/// The keys of token.key_dir that may be used now, the one that signs first; none where there is no such folder.
Result<std::vector<token::Key>> managed_keys(const Config& config);
/// Whether one of them signs.
bool managed_signs(const Config& config);
/// One trusted issuer with the keys that the configuration holds. Errors: those of keys, config_invalid.
Result<token::TrustedIssuer> make_trusted_issuer(const Config& config, const TrustedConfig& trusted);

}  // namespace gatecast::server
