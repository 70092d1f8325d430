// The whole server on its shards: made from a checked configuration and a store, run until stopped.
//
// Place: app makes it after the store; it owns everything above. Threads: `start`, `reload` and `stop` from the main
// thread. Lifetime: one for the process. Errors of `start`: address_in_use, config_invalid, secret_*, store_failed;
// nothing runs then. `stop` follows the order: not ready, no new peers, clients told to reconnect, queued bytes sent,
// requests answered, notes and histories written, shards stopped.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "access/grants.hpp"
#include "broker/broker.hpp"
#include "broker/nodes.hpp"
#include "cache/memory.hpp"
#include "inbox/inbox.hpp"
#include "limits/idempotency.hpp"
#include "outbound/outbound.hpp"
#include "server/checks/self_checks.hpp"
#include "server/control_socket.hpp"
#include "server/figures.hpp"
#include "server/nodes/neighbours.hpp"
#include "server/nodes/sealed_cache.hpp"
#include "server/reloading.hpp"
#include "server/services.hpp"
#include "server/socket/worker.hpp"
#include "session/accounts.hpp"
#include "session/periodic.hpp"
#include "session/webhooks.hpp"
#include "token/issuer.hpp"
#include "token/trusted.hpp"
#include "token/verifier.hpp"

namespace gatecast::server {

class Server {
 public:
  struct Parts {
    const Config& config;
    const Loaded& loaded;  // where it came from
    const Clock& clock;
    store::Store& store;
    outbound::Outbound* outbound = nullptr;  // for hooks, key sets and a chain's node
    /// What nodes share; nothing: this process serves alone.
    struct Shared {
      cache::Cache* cache = nullptr;
      broker::Nodes* nodes = nullptr;
      std::function<std::unique_ptr<broker::Broker>(net::EpollLoop& loop)> broker{};  // one a shard
      /// Connects cache and nodes, on the first shard once its loop runs; and ends that there.
      std::function<void(net::EpollLoop& loop)> start{};
      std::function<void()> stop{};
    } shared{};
    std::string version;
  };
  static Result<std::unique_ptr<Server>> make(Parts parts);
  ~Server();

  /// Listens, starts the shards, reads what the store knows of endings; then the server is ready.
  Result<void> start();
  /// Stops in order, within limits.drain_time.
  void stop();

  std::uint16_t public_port() const { return public_port_; }
  std::uint16_t ops_port() const { return ops_port_; }
  const token::KeyRing& keys() const { return settings_.get().ring; }
  /// Reads the configuration anew (SIGHUP; server/reloading.hpp).
  ReloadReport reload(const LoadOptions& options) { return reloading_->run(options); }
  /// Of configuration, keys and machine; blocks on the file system.
  Checks checks() const { return checks_->now(); }

 private:
  Server(Parts parts, std::unique_ptr<const Settings> settings, std::unique_ptr<token::TrustedVerifier> trusted);
  Result<void> wire();
  Result<void> wire_webhooks();
  void wire_grants();
  void wire_inbox();
  void wire_nodes();
  Result<void> listen_all();
  /// The certificates of the ports that speak TLS, for the connections to come; where one cannot be used all stay as
  /// they are. Any thread, blocking.
  Result<void> load_certificates(const Config& config);
  /// Connects to what nodes share; on shard 0.
  void start_shared();
  /// Opens data/gatecast.sock, once everything that it asks is there.
  Result<void> open_control();
  /// Histories over a restart (server/stream_file.hpp).
  void load_streams();
  void save_streams();
  std::string streams_path() const;
  void on_shards(const std::function<void(Worker&)>& fn);
  Task<void> load(std::promise<Result<void>>& loaded);
  Task<void> drain(std::promise<void>& drained);

  Parts parts_;
  Versioned<const Settings> settings_;
  token::Issuer issuer_;
  token::Verifier verifier_;
  cache::MemoryCache cache_;
  cache::MemoryCache answers_;
  std::unique_ptr<SealedCache> shared_answers_;  // where nodes share a cache
  limits::Idempotency idempotency_;
  session::Bell events_;
  Versioned<token::TrustedVerifier> trusted_;
  limits::RateLimiter limiter_;
  net::Shards shards_;
  std::unique_ptr<session::Sessions> sessions_;
  std::unique_ptr<session::Accounts> accounts_;
  std::unique_ptr<session::Webhooks> webhooks_;
  std::unique_ptr<ControlSocket> control_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<access::Grants> grants_;
  std::unique_ptr<inbox::Inbox> inbox_;
  std::unique_ptr<session::Periodic> inbox_upkeep_;
  std::unique_ptr<Neighbours> neighbours_;  // where there may be other nodes
  std::unique_ptr<Figures> figures_;
  std::unique_ptr<Reloading> reloading_;
  std::unique_ptr<SelfChecks> checks_;
  hub::Mesh mesh_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint16_t public_port_ = 0;
  std::uint16_t ops_port_ = 0;
  bool running_ = false;
};

}  // namespace gatecast::server
