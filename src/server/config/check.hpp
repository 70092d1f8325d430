// What the table of keys cannot say: relations between values, their forms, paths, and the secrets (B9).
//
// Place: the last step of `load`. Threads: any one. `complete` fills the derived members of Config (paths, digests,
// decoded keys, fingerprints) and appends findings; with --dev it also makes missing keys in data.dir.
#pragma once

#include "server/config/load.hpp"

namespace gatecast::server {

void complete(Loaded& loaded, const LoadOptions& options);

/// Appends findings that name the place a key was set at.
class Reporter {
 public:
  explicit Reporter(Loaded& loaded) : loaded_(loaded) {}
  void error(std::string key, std::string text, std::string cure) {
    add(Finding::Level::error, std::move(key), std::move(text), std::move(cure));
  }
  void warn(std::string key, std::string text, std::string cure) {
    add(Finding::Level::warning, std::move(key), std::move(text), std::move(cure));
  }
  void note(std::string key, std::string text, std::string cure) {
    add(Finding::Level::note, std::move(key), std::move(text), std::move(cure));
  }
  /// Whether anything was set at the key, other than its default.
  bool given(std::string_view key) const { return loaded_.origins.contains(key); }

 private:
  void add(Finding::Level level, std::string key, std::string text, std::string cure);
  Loaded& loaded_;
};

/// `path` from the folder of the file that set `key`; absolute paths stay.
std::string resolve(const Loaded& loaded, std::string_view key, const std::string& path);
/// The same from a given folder.
std::string join_path(const std::string& folder, const std::string& path);

/// Registration, Ethereum's node, Telegram's bots.
void check_signin(const Config& config, Reporter& report);
/// The database's URL, and what it says of connections.
void check_store(Loaded& loaded, Reporter& report);
/// URLs of broker and cache, and what must be shared with them.
void check_shared(const Config& config, Reporter& report);
/// The certificate and key of each port that has them.
void check_tls(const Config& config, Reporter& report);
void check_webhooks(const Config& config, Reporter& report);
/// Claims, variants, and how connections bring their token.
void check_access(Loaded& loaded, Reporter& report);
void check_secrets(Loaded& loaded, const LoadOptions& options);
/// Trusted issuers: names, keys, and that no two of them can be taken for one another.
void check_trusted(Loaded& loaded);
/// Makes what --dev needs and the configuration lacks.
void make_dev_keys(Loaded& loaded, const LoadOptions& options);

}  // namespace gatecast::server
