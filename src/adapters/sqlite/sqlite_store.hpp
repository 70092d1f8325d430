// store::Store on one SQLite file: the embedded default.
//
// Place: made at start-up, behind store::Store. Threads: one writes, one reads, one copies (backups), each with its own
// connection and bounded queue; callers are loops, and every answer is posted to the loop that awaited it.
// Durability: WAL with synchronous=FULL. Whatever is queued when the writer is free becomes one transaction (group
// commit), each operation in a savepoint of its own; answers go out after COMMIT returned, so a read that follows an
// answer sees it. Lifetime: stopped (or destroyed) before the loops that wait on it go away.
// Errors: those of store::Store; store_failed carries SQLite's extended code and the path in its detail.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "store/store.hpp"

namespace gatecast::sqlite {

struct Options {
  std::size_t queue_ops = 4096;  // waiting operations, writes and reads each; one more is `overloaded`
  std::size_t group_ops = 256;   // operations in one commit: bounds what one failed commit refuses
  std::chrono::milliseconds group_work{
      5};  // work in one commit, checked between operations: bounds what the first waits
  std::chrono::milliseconds busy_timeout{5000};  // how long another program (a backup, a shell) may hold the file
  std::string vfs{};                             // a registered SQLite VFS; empty: SQLite's own
  const Clock* clock = nullptr;                  // the store's; null: the system's
};

/// Figures since the store was opened.
struct Stats {
  std::uint64_t commits = 0;         // transactions that landed
  std::uint64_t failed_commits = 0;  // groups refused as a whole
  std::uint64_t writes = 0;          // operations answered by the writer, refused ones included
  std::uint64_t reads = 0;
  std::uint64_t refused = 0;        // `overloaded`
  std::uint64_t group_ops_max = 0;  // largest group
  std::uint64_t write_queue = 0;    // waiting now
  std::uint64_t read_queue = 0;
};

class SqliteStore final : public store::Store {
 public:
  /// Opens or makes the file (0600, its folder 0700) and brings its schema up to date. Blocks: start-up only.
  /// Errors: store_failed, also for a newer schema than this program knows and for a file that is not ours.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path, const Options& options = {});
  ~SqliteStore() override;

  /// Refuses new operations (`cancelled`), finishes the queued ones, gives up a backup, joins the threads. May be
  /// called twice.
  void stop();
  /// Any thread.
  Stats stats() const;

  Task<Result<store::SignedIn>> sign_in(store::SignIn request) override;
  Task<Result<store::Renewed>> renew(store::Renewal request) override;
  Task<Result<void>> keep(std::vector<std::pair<std::string, std::uint64_t>> kept) override;
  Task<Result<std::vector<store::SessionRow>>> sessions_of(std::string user_id, WallTime now) override;
  Task<Result<std::vector<store::SessionRow>>> end_sessions(std::string user_id, std::string keep_sid, Errc reason,
                                                            WallTime at, std::string ip) override;
  Task<Result<store::SessionView>> session(std::string sid) override;
  Task<Result<store::Ended>> end_session(std::string sid, Errc reason, WallTime at, std::string ip) override;
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
  /// One, for as long as the file is open.
  Task<Result<std::string>> history() override;
  Task<Result<void>> end_foreign(std::string sid, std::string user_id, Errc reason, WallTime at) override;
  Task<Result<std::optional<WallTime>>> restored_at() override;
  /// On a thread and a connection of its own; one at a time, one more waits, a third is `overloaded`.
  Task<Result<void>> backup(std::string path) override;
  /// Goes through the writer: it answers only while transactions begin and end.
  Task<Result<void>> ping() override;

 private:
  struct Workers;
  explicit SqliteStore(std::unique_ptr<Workers> workers);
  std::unique_ptr<Workers> workers_;
};

}  // namespace gatecast::sqlite
