#include "app/serve.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "adapters/https/https_outbound.hpp"
#include "adapters/postgres/postgres_store.hpp"
#include "adapters/sqlite/sqlite_store.hpp"
#include "app/banner.hpp"
#include "app/shared.hpp"
#include "core/lock_file.hpp"
#include "core/log.hpp"
#include "core/process_clock.hpp"
#include "server/server.hpp"

namespace gatecast::app {
namespace {

int refuse(const Error& error) {
  const auto& code = info(error.code);
  log::error("start", {{"reason", code.name}, {"detail", error.detail}});
  log::close_log();
  fmt::print(stderr, "gatecast: {}{}{}\n  {}\n", code.message, error.detail.empty() ? "" : ": ", error.detail,
             code.cure);
  return 1;
}

// What `gatecast doctor` would say of the machine and the keys; the configuration's own findings are in the log
// already.
void log_checks(const server::Checks& checks) {
  for (const auto& check : checks) {
    if (check.level != server::CheckLevel::warn && check.level != server::CheckLevel::fail) continue;
    const bool failed = check.level == server::CheckLevel::fail;
    log::write(failed ? log::Level::error : log::Level::warn, "check",
               {{"id", check.id}, {"seen", check.seen}, {"cure", check.cure}});
  }
}

// Signals are blocked before any thread is made, so that only the waiting main thread takes them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return set;
}

// Takes a new configuration whenever it is told to; ends with the signal to stop.
int reload_until_stopped(const sigset_t& set, server::Server& server, const server::LoadOptions& options) {
  struct sigaction hangup{};
  sigaction(SIGHUP, nullptr, &hangup);
  const bool at_terminal = ::isatty(STDIN_FILENO) == 1 && hangup.sa_handler != SIG_IGN;  // nohup
  for (;;) {
    int signal_number = 0;
    sigwait(&set, &signal_number);
    // Whose terminal was closed has nobody left to stop it.
    const bool hung_up = at_terminal && ::isatty(STDIN_FILENO) == 0;
    if (signal_number != SIGHUP || hung_up) return signal_number;
    server.reload(options);
  }
}

// While the server drains, a second signal ends the process at once.
void end_at_second_signal(sigset_t set) {
  sigdelset(&set, SIGHUP);
  std::thread([set] {
    int signal_number = 0;
    sigwait(&set, &signal_number);
    _exit(1);
  }).detach();
}

struct OpenStore {
  std::unique_ptr<store::Store> store;
  std::function<void()> stop;
};

template <class T>
OpenStore hold(std::unique_ptr<T> opened) {
  auto* raw = opened.get();
  return {std::move(opened), [raw] { raw->stop(); }};
}

/// Connects, and brings the tables up to date.
Result<OpenStore> open_store(const server::StoreConfig& config) {
  if (!config.path.empty()) {
    auto opened = sqlite::SqliteStore::open(config.path);
    if (!opened) return opened.error();
    return hold(std::move(*opened));
  }
  auto opened = postgres::PostgresStore::open(
      {.url = config.url, .connections = config.connections, .deadline = config.deadline, .ca_file = config.ca_file});
  if (!opened) return opened.error();
  return hold(std::move(*opened));
}

}  // namespace

int serve(server::Loaded loaded) {
  const auto& config = loaded.config;
  const sigset_t signals = block_signals();
  auto lock = LockFile::take(config.data.dir + "/lock");
  if (!lock) return refuse(lock.error());
  std::string problem;
  if (!log::open_log(server::log_options(config), problem)) return refuse(fail(Errc::config_invalid, problem));
  for (const auto& finding : loaded.findings) {
    const bool note = finding.level == server::Finding::Level::note;
    log::write(note ? log::Level::info : log::Level::warn, "config",
               {{"key", finding.key}, {"detail", finding.text}, {"cure", finding.cure}});
  }

  auto store = open_store(config.store);
  if (!store) return refuse(store.error());
  auto outbound = https::HttpsOutbound::make({.ca_file = config.outbound.ca_file});
  if (!outbound) return refuse(outbound.error());
  ProcessClock clock;
  SharedParts shared(config, clock);
  if (auto probed = shared.probe(); !probed) return refuse(probed.error());
  auto server = server::Server::make({.config = config,
                                      .loaded = loaded,
                                      .clock = clock,
                                      .store = *store->store,
                                      .outbound = outbound->get(),
                                      .shared = shared.parts(),
                                      .version = GATECAST_VERSION});
  if (!server) return refuse(server.error());
  if (auto started = (*server)->start(); !started) return refuse(started.error());
  log::info("start", {{"version", GATECAST_VERSION}, {"http", config.http.address}, {"ops", config.ops.address}});
  print_banner(config, **server);
  log_checks((*server)->checks());

  const int signal_number = reload_until_stopped(signals, **server, loaded.options);
  log::info("stop", {{"signal", strsignal(signal_number)}});
  end_at_second_signal(signals);
  (*server)->stop();
  (*outbound)->stop();
  store->stop();
  log::info("stopped");
  log::close_log();
  return 0;
}

}  // namespace gatecast::app
