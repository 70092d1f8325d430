// SIGHUP: reads the configuration anew, and takes what may change while the server runs, or nothing.
//
// Place: owned by Server; app calls `run` where the signal comes, a shard asks for one through `ask`, which raises the
// signal. Everything is made and checked before anything is exchanged; what is exchanged is read through Versioned, so
// shards take no lock. Verifiers know a new key before it signs. Threads: `run` and `close` the main thread; `ask` any
// loop. Lifetime: as Server; `close` before the loops stop. Errors: a refused reload changes nothing and says why.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "core/task.hpp"
#include "core/versioned.hpp"
#include "net/shard.hpp"
#include "outbound/outbound.hpp"
#include "server/config/load.hpp"
#include "server/namespaces.hpp"
#include "server/settings.hpp"
#include "session/sessions.hpp"
#include "token/issuer.hpp"
#include "token/trusted.hpp"
#include "token/verifier.hpp"

namespace gatecast::server {

struct ReloadReport {
  bool taken = false;
  std::vector<std::string> changed{};  // as config/difference.hpp has it
  std::vector<std::string> restart{};  // keys that differ and wait for a restart
  std::vector<Finding> findings{};     // of the new configuration; where it was refused, the errors
};

/// What `Reloading::shown` says; where keys wait for a restart, with the values that `started` has.
std::string config_json(const Loaded& loaded, const Loaded* started, const std::vector<std::string>& restart);

class Reloading {
 public:
  /// Of one key set or certificate that is read anew; nothing has changed where it fails.
  using Step = std::function<Result<void>(const Config&)>;
  struct Parts {
    const Loaded& started;
    const Clock& clock;
    Versioned<const Settings>& settings;
    token::Issuer& issuer;
    token::Verifier& verifier;
    session::Sessions& sessions;
    Namespaces& namespaces;
    Versioned<token::TrustedVerifier>& trusted;
    outbound::Outbound* outbound;
    net::Shard& home;  // where the key sets of trusted issuers are fetched
    Step certificates{};
    std::function<void(const Config&)> taken{};  // told of what has been taken
  };
  explicit Reloading(Parts parts) : parts_(std::move(parts)), taken_(parts_.started.config) {}

  /// Loads with these options, takes what it can, answers those who asked before, and says in the log what came of it.
  ReloadReport run(const LoadOptions& options);
  /// Has the main thread reload; its report.
  Task<ReloadReport> ask();
  /// `{"values":[{"key", "value", "from", "waits"?}]}` of what is in force; `waits` is another value that a restart
  /// would bring. Any thread.
  std::string shown() const { return shown_.get(); }
  /// The server stops: who asks is refused from here on.
  void close();

 private:
  Result<ReloadReport> take(const Config& fresh);
  Result<std::unique_ptr<token::TrustedVerifier>> make_trusted(const Config& fresh);
  void take_trusted(std::unique_ptr<token::TrustedVerifier> next);
  std::vector<Resume<ReloadReport>> waiting();

  Parts parts_;
  Config taken_;
  Versioned<const std::string> shown_{std::make_unique<const std::string>(config_json(parts_.started, nullptr, {}))};
  std::mutex mutex_;  // over all below
  std::vector<Resume<ReloadReport>> waiting_;
  bool closed_ = false;
};

/// The trusted issuers of the configuration; key sets are shared with `former`.
Result<std::unique_ptr<token::TrustedVerifier>> make_trusted_verifier(const Config& config,
                                                                      outbound::Outbound* outbound, const Clock& clock,
                                                                      const token::TrustedVerifier* former = nullptr);
session::SessionKeyList session_key_list(const Config& config);
log::Options log_options(const Config& config);

/// `{"taken", "changed", "restart", "findings"}`, as `gatecast reload` shows it.
std::string reload_json(const ReloadReport& report);

}  // namespace gatecast::server
