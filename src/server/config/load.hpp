// Loading the configuration: defaults, then the file and what it includes, the environment, `--set` flags; then checks.
//
// Place: app calls `load` once; `config check|show|default` print its outcome. Threads: any one. It reads files, and
// with `dev` makes keys in data.dir; it touches nothing else. Errors: every one found, not the first, each with the
// place it was read from, the key, and what to do; `config` is fit for use only where `ok()`.
// Bounds: files of 1 MiB, 16 includes deep, 4 KiB of secret.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/config.hpp"

namespace gatecast::server {

struct Finding {
  enum class Level : std::uint8_t { note, warning, error };  // a note: understood, and without effect
  Level level = Level::error;
  std::string where{};  // "gatecast.toml:3:1", "environment GATECAST_HTTP__ADDRESS", "--set", "defaults"
  std::string key{};    // "http.address", "token.key[0].secret"; empty for a whole file
  std::string text{};   // what is wrong
  std::string cure{};   // what to do
};

struct LoadOptions {
  std::string file{};                                              // --config; empty: none
  std::optional<std::string> text{};                               // in place of the file's content
  bool dev = false;                                                // --dev
  std::vector<std::string> sets{};                                 // --set http.address=0.0.0.0:80
  std::vector<std::pair<std::string, std::string>> environment{};  // all variables; only GATECAST_* are looked at
  bool make_dev_keys = true;                                       // false: `config check --dev` leaves the disk alone
};

struct Loaded {
  Config config{};
  LoadOptions options{};  // how it was read, to read it anew
  std::vector<Finding> findings{};
  /// Where each value came from, by its path with indices; a key that is not here has its default.
  std::map<std::string, std::string, std::less<>> origins{};
  /// The folder at which relative paths of a value start, by the same names.
  std::map<std::string, std::string, std::less<>> folders{};

  /// The application's key where compat.read_app_env found one beside [[token.key]]: it must be one of those.
  struct AppKey {
    std::string where{}, fingerprint{};
  } app_key{};
  std::string app_key_looked{};  // where compat.read_app_env looked for it in vain

  bool ok() const;
  std::size_t errors() const;
  std::size_t warnings() const;
};

Loaded load(const LoadOptions& options);
/// The process's environment, as LoadOptions wants it.
std::vector<std::pair<std::string, std::string>> process_environment();

/// "error", "warning", "note".
std::string_view name(Finding::Level level);
/// The findings as lines for people, errors first.
std::string render_findings(const std::vector<Finding>& findings);
/// One value as people may see it: a secret is "***", beside its fingerprint.
struct ShownValue {
  std::string key{};
  std::string value{};
  std::string origin{};  // as in Loaded; "default", or "derived" for what was made of others
};
/// Every key with its value and where it came from.
std::vector<ShownValue> shown_values(const Loaded& loaded);
/// The same as lines.
std::string render_show(const Loaded& loaded);
/// A complete TOML file of the defaults with a comment for every key.
std::string render_default();
/// docs/configuration.md.
std::string render_reference();

/// "127.0.0.1:3002" or "[::1]:3002" taken apart; false where it is neither.
bool split_address(std::string_view address, std::string& host, std::uint16_t& port);

}  // namespace gatecast::server
