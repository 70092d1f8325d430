// store::Store on PostgreSQL: one truth for several nodes.
//
// Place: made at start-up, behind store::Store. Threads: one runs all connections, one more establishes them; callers
// are loops, and every answer is posted to the loop that awaited it. Several processes may use one database: row locks
// and unique constraints decide between them.
// Durability: an answer goes out after COMMIT returned, with synchronous_commit at `on` at least. Lifetime: stopped (or
// destroyed) before the loops that wait on it go away. Bounds: queue_ops operations; each ends by the deadline.
// Errors: those of store::Store; store_failed carries the statement's name and SQLSTATE in its detail, never a value.
#pragma once

#include <memory>
#include <string>

#include "core/service_url.hpp"
#include "store/store.hpp"

namespace gatecast::postgres {

struct Options {
  ServiceUrl url{};
  std::uint32_t connections = 10;  // made when they are needed, then kept
  std::chrono::milliseconds deadline{5000};
  std::string ca_file{};
  std::size_t queue_ops = 4096;  // operations under way or waiting; one more is `overloaded`
  const Clock* clock = nullptr;  // the store's; null: the database's
  bool migrate = true;           // false: the schema must be there
};

/// Figures since the store was opened.
struct Stats {
  std::uint64_t operations = 0;
  std::uint64_t failures = 0;  // store_failed
  std::uint64_t refused = 0;   // `overloaded`
  std::uint64_t commits = 0;   // transactions of several statements
  std::uint64_t retries = 0;   // transactions and reads done again
  std::uint64_t in_flight = 0;
  std::uint64_t connections = 0;  // open now
  std::uint64_t in_use = 0;
  std::uint64_t waiting = 0;      // operations that wait for a connection
  std::uint64_t connects = 0;     // connections made
  std::uint64_t disconnects = 0;  // and lost
  std::uint64_t connect_failures = 0;
};

class PostgresStore final : public store::Store {
 public:
  /// Connects, brings the schema up to date. Blocks: start-up only. Errors: store_failed, store_newer.
  static Result<std::unique_ptr<PostgresStore>> open(const Options& options);
  ~PostgresStore() override;

  /// Refuses new operations (`cancelled`), waits for those under way, closes the connections. May be called twice.
  void stop();
  /// Any thread.
  Stats stats() const;
  /// "db.example:5432/app": where it is.
  std::string shown() const;

  Task<Result<store::SignedIn>> sign_in(store::SignIn request) override;
  Task<Result<store::Renewed>> renew(store::Renewal request) override;
  Task<Result<void>> keep(std::vector<std::pair<std::string, std::uint64_t>> kept) override;
  Task<Result<std::vector<store::SessionRow>>> sessions_of(std::string user_id, WallTime now) override;
  Task<Result<std::vector<store::SessionRow>>> end_sessions(std::string user_id, std::string keep_sid, Errc reason,
                                                            WallTime at, std::string ip) override;
  Task<Result<store::SessionView>> session(std::string sid) override;
  Task<Result<store::Ended>> end_session(std::string sid, Errc reason, WallTime at, std::string ip) override;
  /// In commit order, also where several nodes end sessions at once.
  Task<Result<std::vector<store::ControlRow>>> control_log(std::uint64_t after, std::uint32_t limit) override;
  Task<Result<std::vector<store::ControlRow>>> ended_since(WallTime since) override;
  Task<Result<void>> touch(std::vector<std::pair<std::string, WallTime>> seen) override;
  Task<Result<void>> audit(std::vector<store::AuditRow> rows) override;
  /// In many small transactions. Of the sessions that expired, one call looks at 20,000 at most, and the next goes on.
  Task<Result<std::uint64_t>> prune(WallTime now, WallTime audit_before, WallTime ended_before) override;
  Task<Result<void>> consume(std::string nonce, WallTime expires) override;
  Task<Result<store::Linked>> link(store::Link request) override;
  Task<Result<store::Unlinked>> unlink(std::string user_id, std::string identity_id, WallTime at,
                                       std::string ip) override;
  Task<Result<store::UserView>> user(std::string user_id) override;
  Task<Result<store::UserView>> user_of(std::string kind, std::string subject) override;
  /// In transactions of 50, so that others come in between; a dry run is one.
  Task<Result<std::vector<store::UserChanged>>> upsert_users(std::vector<store::UserChange> changes, WallTime at,
                                                             bool dry_run) override;
  Task<Result<store::Blocked>> block_user(std::string user_id, bool blocked, WallTime at, std::string ip,
                                          std::string actor) override;
  Task<Result<std::vector<store::SessionRow>>> delete_user(std::string user_id, WallTime at,
                                                           std::string actor) override;
  Task<Result<std::vector<store::UserView>>> users(std::string after, std::uint32_t limit) override;
  /// Rows of transactions that run beside others come once those are over, so that none comes behind what was read.
  Task<Result<std::vector<store::AuditRow>>> audit_log(store::AuditQuery query) override;
  Task<Result<store::GrantAdded>> add_grant(store::GrantAdd request) override;
  Task<Result<store::GrantsRemoved>> remove_grants(store::GrantRemove request) override;
  Task<Result<std::vector<store::UserGrants>>> grants_of(std::vector<std::string> user_ids) override;
  Task<Result<store::GrantsSwept>> sweep_grants(std::uint32_t limit, store::GrantsLanded landed) override;
  Task<Result<std::vector<store::Notified>>> notify(store::Notify request) override;
  Task<Result<store::NotificationPage>> notifications(store::NotificationQuery query) override;
  Task<Result<store::NotificationsChanged>> read_notifications(std::string user_id, store::NotificationChoice choice,
                                                               WallTime at) override;
  Task<Result<store::NotificationsChanged>> remove_notifications(std::string user_id,
                                                                 store::NotificationChoice choice) override;
  Task<Result<std::uint64_t>> prune_notifications(WallTime before, std::uint32_t limit) override;
  Task<Result<std::uint64_t>> position(std::string name) override;
  Task<Result<void>> set_position(std::string name, std::uint64_t seq) override;
  Task<Result<bool>> lease(std::string name, std::string holder, std::chrono::milliseconds ttl) override;
  /// Another one after a standby was promoted, or a restore was noted.
  Task<Result<std::string>> history() override;
  Task<Result<void>> end_foreign(std::string sid, std::string user_id, Errc reason, WallTime at) override;
  Task<Result<std::optional<WallTime>>> restored_at() override;
  /// not_available: PostgreSQL has tools of its own.
  Task<Result<void>> backup(std::string path) override;
  Task<Result<void>> ping() override;

 private:
  struct Parts;
  explicit PostgresStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace gatecast::postgres
