// The TLS files of a port: read, checked, and in words.
//
// Place: `load` checks with it, the server begins with it and reads anew with it, `config check` shows it. Threads:
// any; blocking. Errors: config_invalid (one of the two missing), tls_certificate, tls_key.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/tls_context.hpp"
#include "server/config/config.hpp"

namespace gatecast::server {

/// Null where the port is plain.
Result<std::shared_ptr<const net::TlsContext>> load_tls(const TlsFiles& files, WallTime now);
/// What the certificate says, name and text; none where it cannot be used.
std::vector<std::pair<std::string, std::string>> describe_tls(const TlsFiles& files);

}  // namespace gatecast::server
