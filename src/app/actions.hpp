// What the commands do once their arguments are known; each returns the exit code.
//
// Place: between the command line (commands.cpp, which sees its parser) and the layers. Threads: any one.
#pragma once

#include <string>
#include <vector>

#include "app/commands.hpp"
#include "server/config/load.hpp"

namespace gatecast::app {

inline constexpr int kFine = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kWarned = 3;

int do_serve(const server::LoadOptions& options, const Io& io);
int do_config_check(const server::LoadOptions& options, bool strict, const Io& io);
int do_config_show(const server::LoadOptions& options, const Io& io);
int do_keys_new(const std::string& algorithm, const std::string& file, const Io& io);
int do_keys_list(const server::LoadOptions& options, const Io& io);
/// Keys of token.key_dir: a new waiting one; which signs; which counts no more.
int do_keys_make(const server::LoadOptions& options, const std::string& algorithm, const Io& io);
int do_keys_activate(const server::LoadOptions& options, const std::string& kid, const Io& io);
int do_keys_retire(const server::LoadOptions& options, const std::string& kid, bool at_once, const Io& io);
/// The lines of `keys list` about token.key_dir and the whole ring.
void list_managed_keys(const server::Config& config, const Io& io);
int do_apikey_new(const std::string& name, const std::vector<std::string>& scopes, const Io& io);
/// A token for the console; `role` is view or act.
int do_operator_new(const std::string& name, const std::string& role, const Io& io);
/// Verifies only where `verify`: the keys are then those of the configuration.
int do_token_inspect(const std::string& token, bool verify, const server::LoadOptions& options, const Io& io);
/// Everything that is wrong with a token, at once.
int do_token_doctor(const std::string& token, const server::LoadOptions& options, const Io& io);
/// GET /healthz at `address` ("https://" before it: by TLS); empty: the configuration's ops.address.
int do_healthcheck(const std::string& address, const server::LoadOptions& options, const Io& io);

/// One HTTP GET with `seconds` for all of it; the status, or 0 and why not in `problem`.
int http_status(const std::string& host, std::uint16_t port, bool tls, const std::string& path, int seconds,
                std::string& problem);

}  // namespace gatecast::app
