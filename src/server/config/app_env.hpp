// The variables of an existing application (`compat.read_app_env`), taken over as configuration values.
//
// NEXTAUTH_SECRET or JWT_SECRET become the token key (HS256, as text), TELEGRAM_BOT_TOKEN the bot, DATABASE_URL the
// store, REDIS_URL the broker. The environment goes before `compat.env_file`, as dotenv has it; what the configuration
// says itself goes before both. Place: a step of `load`, between the sources and the table of keys. Threads: any one.
// Bounds: a file of 256 KB. Findings name the variable and where it stands, never a value.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "server/config/raw.hpp"

namespace gatecast::server {

/// One variable as an .env file has it.
struct EnvValue {
  std::string value{};
  std::size_t line = 0;
  bool quoted = false;  // in the file; the quotes are syntax there and are not part of `value`
};

/// Reads the syntax that dotenv takes: comments, `export`, values bare or in quotes. The last of a name counts. A line
/// that is none of it becomes a finding at `name:line`.
std::map<std::string, EnvValue, std::less<>> read_env_text(std::string_view text, const std::string& name,
                                                           std::vector<Finding>& findings);

void read_app_env(const LoadOptions& options, Raw& root, Loaded& loaded);

}  // namespace gatecast::server
