#include "adapters/sqlite/sqlite_store.hpp"

#include <pthread.h>
#include <signal.h>

#include <thread>

#include "adapters/sqlite/backup.hpp"
#include "adapters/sqlite/group_commit.hpp"
#include "adapters/sqlite/operations.hpp"
#include "adapters/sqlite/schema.hpp"
#include "core/lock_file.hpp"

namespace gatecast::sqlite {
namespace {

// Rows of each table that one transaction of `prune` removes: a few milliseconds, so that sign-ins do not wait long.
constexpr std::uint32_t kPruneRows = 1000;
// Sessions that one call of `prune` looks at, and one read of it: the reader's other work comes in between.
constexpr std::uint32_t kSweptRows = 20'000;
constexpr std::uint32_t kSweptAtOnce = 5'000;
// Audit rows that one read looks at: a few milliseconds.
constexpr std::uint32_t kAuditScan = 10'000;
constexpr std::uint32_t kAuditRowsMax = 1000;
constexpr std::size_t kChangesMax = 1000;
// Users that one transaction of `upsert_users` changes: about as long as a group may work.
constexpr std::size_t kChangesAtOnce = 50;

/// The program's signals are taken by its own threads, so that none interrupts a flush.
void begin_thread(const char* name) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), name);
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace

struct SqliteStore::Workers {
  Workers(Database write_db, Database read_db, Database copy_db, const Options& options)
      : clock(options.clock != nullptr ? *options.clock : system_clock()),
        writes(options.queue_ops),
        reads(options.queue_ops),
        group(std::move(write_db), options.group_ops, options.group_work),
        reader_db(std::move(read_db)),
        copier_db(std::move(copy_db)) {
    copier_db.stop_when(stopping);
  }

  void write_all() {
    begin_thread("store-write");
    while (auto operation = writes.wait_pop()) group.run(std::move(operation), writes);
  }
  void read_all() {
    begin_thread("store-read");
    while (auto operation = reads.wait_pop()) {
      operation->run(reader_db);
      ++read_count;
      operation->answer();
    }
  }
  void copy_all() {
    begin_thread("store-copy");
    while (auto operation = copies.wait_pop()) {
      operation->run(copier_db);
      operation->answer();
    }
  }

  const Clock& clock;
  OperationQueue writes;
  OperationQueue reads;
  OperationQueue copies{1};
  std::atomic<bool> stopping{false};
  GroupCommit group;
  Database reader_db;
  Database copier_db;
  std::atomic<std::uint64_t> read_count{0};
  std::atomic<std::int64_t> swept_to{0};  // row of the sessions up to which `prune` has looked for expired ones
  std::thread writer;
  std::thread reader;
  std::thread copier;
};

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, const Options& options) {
  if (const auto slash = path.rfind('/'); slash != std::string::npos && slash > 0) {
    if (auto made = make_private_folder(path.substr(0, slash)); !made) return made.error();
  }
  Database::Options how{.busy_timeout = options.busy_timeout, .vfs = options.vfs};
  Result<Database> writer = Database::open(path, how);
  if (!writer) return writer.error();
  if (auto migrated = migrate(*writer, path); !migrated) return migrated.error();
  how.read_only = true;
  Result<Database> reader = Database::open(path, how);
  if (!reader) return reader.error();
  Result<Database> copier = Database::open(path, how);
  if (!copier) return copier.error();

  auto workers = std::make_unique<Workers>(std::move(*writer), std::move(*reader), std::move(*copier), options);
  workers->writer = std::thread([w = workers.get()] { w->write_all(); });
  workers->reader = std::thread([w = workers.get()] { w->read_all(); });
  workers->copier = std::thread([w = workers.get()] { w->copy_all(); });
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(workers)));
}

SqliteStore::SqliteStore(std::unique_ptr<Workers> workers) : workers_(std::move(workers)) {}
SqliteStore::~SqliteStore() { stop(); }

void SqliteStore::stop() {
  workers_->writes.close();
  workers_->reads.close();
  workers_->copies.close();
  workers_->stopping = true;
  if (workers_->writer.joinable()) workers_->writer.join();
  if (workers_->reader.joinable()) workers_->reader.join();
  if (workers_->copier.joinable()) workers_->copier.join();
}

Stats SqliteStore::stats() const {
  const auto& figures = workers_->group.figures();
  return {.commits = figures.commits,
          .failed_commits = figures.failed_commits,
          .writes = figures.operations,
          .reads = workers_->read_count,
          .refused = workers_->writes.refused() + workers_->reads.refused(),
          .group_ops_max = figures.group_ops_max,
          .write_queue = workers_->writes.size(),
          .read_queue = workers_->reads.size()};
}

Task<Result<store::SignedIn>> SqliteStore::sign_in(store::SignIn request) {
  co_return co_await submit<store::SignedIn>(workers_->writes, [this, &request](Database& db) {
    return sqlite::sign_in(db, request, workers_->clock.wall());
  });
}

Task<Result<store::Renewed>> SqliteStore::renew(store::Renewal request) {
  co_return co_await submit<store::Renewed>(
      workers_->writes, [this, &request](Database& db) { return sqlite::renew(db, request, workers_->clock.wall()); });
}

Task<Result<void>> SqliteStore::keep(std::vector<std::pair<std::string, std::uint64_t>> kept) {
  co_return co_await submit<void>(workers_->writes, [&kept](Database& db) { return sqlite::keep(db, kept); });
}

Task<Result<std::vector<store::SessionRow>>> SqliteStore::sessions_of(std::string user_id, WallTime now) {
  co_return co_await submit<std::vector<store::SessionRow>>(
      workers_->reads, [&user_id, now](Database& db) { return sqlite::sessions_of(db, user_id, now); });
}

Task<Result<std::vector<store::SessionRow>>> SqliteStore::end_sessions(std::string user_id, std::string keep_sid,
                                                                       Errc reason, WallTime at, std::string ip) {
  co_return co_await submit<std::vector<store::SessionRow>>(
      workers_->writes, [&user_id, &keep_sid, reason, at, &ip](Database& db) {
        return sqlite::end_sessions(db, user_id, keep_sid, reason, at, ip);
      });
}

Task<Result<store::SessionView>> SqliteStore::session(std::string sid) {
  co_return co_await submit<store::SessionView>(workers_->reads,
                                                [&sid](Database& db) { return sqlite::session(db, sid); });
}

Task<Result<store::Ended>> SqliteStore::end_session(std::string sid, Errc reason, WallTime at, std::string ip) {
  co_return co_await submit<store::Ended>(
      workers_->writes, [&sid, reason, at, &ip](Database& db) { return sqlite::end_session(db, sid, reason, at, ip); });
}

Task<Result<std::vector<store::ControlRow>>> SqliteStore::control_log(std::uint64_t after, std::uint32_t limit) {
  co_return co_await submit<std::vector<store::ControlRow>>(
      workers_->reads, [after, limit](Database& db) { return sqlite::control_log(db, after, limit); });
}

Task<Result<std::vector<store::ControlRow>>> SqliteStore::ended_since(WallTime since) {
  co_return co_await submit<std::vector<store::ControlRow>>(
      workers_->reads, [since](Database& db) { return sqlite::ended_since(db, since); });
}

Task<Result<void>> SqliteStore::touch(std::vector<std::pair<std::string, WallTime>> seen) {
  co_return co_await submit<void>(workers_->writes, [&seen](Database& db) { return sqlite::touch(db, seen); });
}

Task<Result<void>> SqliteStore::audit(std::vector<store::AuditRow> rows) {
  co_return co_await submit<void>(workers_->writes, [&rows](Database& db) { return sqlite::audit(db, rows); });
}

Task<Result<std::uint64_t>> SqliteStore::prune(WallTime now, WallTime audit_before, WallTime ended_before) {
  // Many small transactions: the others' operations come in between.
  std::uint64_t gone = 0;
  for (;;) {
    Result<std::uint64_t> some =
        co_await submit<std::uint64_t>(workers_->writes, [now, audit_before, ended_before](Database& db) {
          return sqlite::prune(db, now, audit_before, ended_before, kPruneRows);
        });
    if (!some) co_return some;
    if (*some == 0) break;
    gone += *some;
  }
  // No index is kept by the end of sessions, which every renewal moves: the table is looked through, a part a call.
  for (std::uint32_t looked = 0; looked < kSweptRows; looked += kSweptAtOnce) {
    Result<ExpiredPart> part = co_await submit<ExpiredPart>(workers_->reads, [this, ended_before](Database& db) {
      return expired_part(db, workers_->swept_to, ended_before, kSweptAtOnce);
    });
    if (!part) co_return part.error();
    Result<std::uint64_t> some = 0;
    if (!part->sids.empty()) {
      some = co_await submit<std::uint64_t>(workers_->writes, [&sids = part->sids, ended_before](Database& db) {
        return remove_expired(db, sids, ended_before);
      });
    }
    if (!some) co_return some;
    gone += *some;
    workers_->swept_to = part->read_to;
    if (part->read_to == 0) break;
  }
  co_return gone;
}

Task<Result<void>> SqliteStore::consume(std::string nonce, WallTime expires) {
  co_return co_await submit<void>(workers_->writes, [this, &nonce, expires](Database& db) {
    return sqlite::consume(db, nonce, expires, workers_->clock.wall());
  });
}

Task<Result<store::Linked>> SqliteStore::link(store::Link request) {
  co_return co_await submit<store::Linked>(
      workers_->writes, [this, &request](Database& db) { return sqlite::link(db, request, workers_->clock.wall()); });
}

Task<Result<store::Unlinked>> SqliteStore::unlink(std::string user_id, std::string identity_id, WallTime at,
                                                  std::string ip) {
  co_return co_await submit<store::Unlinked>(workers_->writes, [&user_id, &identity_id, at, &ip](Database& db) {
    return sqlite::unlink(db, user_id, identity_id, at, ip);
  });
}

Task<Result<store::UserView>> SqliteStore::user(std::string user_id) {
  co_return co_await submit<store::UserView>(workers_->reads,
                                             [&user_id](Database& db) { return sqlite::user(db, user_id); });
}

Task<Result<store::UserView>> SqliteStore::user_of(std::string kind, std::string subject) {
  co_return co_await submit<store::UserView>(
      workers_->reads, [&kind, &subject](Database& db) { return sqlite::user_of(db, kind, subject); });
}

Task<Result<std::vector<store::UserChanged>>> SqliteStore::upsert_users(std::vector<store::UserChange> changes,
                                                                        WallTime at, bool dry_run) {
  using Changed = std::vector<store::UserChanged>;
  if (changes.size() > kChangesMax) co_return fail(Errc::overloaded, "users at once");
  Changed done;
  // What a dry run did is gone with its transaction, and later changes are judged by the earlier ones.
  const std::size_t at_once = dry_run ? kChangesMax : kChangesAtOnce;
  for (std::size_t from = 0; from < changes.size(); from += at_once) {
    const auto part = std::span(changes).subspan(from, std::min(at_once, changes.size() - from));
    Result<Changed> some = co_await submit<Changed>(
        workers_->writes, [part, at, dry_run](Database& db) { return sqlite::upsert_users(db, part, at, dry_run); });
    if (!some) co_return some.error();
    std::move(some->begin(), some->end(), std::back_inserter(done));
  }
  co_return done;
}

Task<Result<store::Blocked>> SqliteStore::block_user(std::string user_id, bool blocked, WallTime at, std::string ip,
                                                     std::string actor) {
  co_return co_await submit<store::Blocked>(workers_->writes, [&user_id, blocked, at, &ip, &actor](Database& db) {
    return sqlite::block_user(db, user_id, blocked, at, ip, actor);
  });
}

Task<Result<std::vector<store::SessionRow>>> SqliteStore::delete_user(std::string user_id, WallTime at,
                                                                      std::string actor) {
  Result<store::UserView> known = co_await user(user_id);
  if (!known && known.error().code != Errc::user_unknown) co_return known.error();
  if (!known) {
    auto affairs =
        co_await submit<bool>(workers_->reads, [&user_id](Database& db) { return has_affairs(db, user_id); });
    if (!affairs) co_return affairs.error();
    if (!*affairs) co_return known.error();
  }
  // The audit log is long, so it is read beside the writer; the deletion itself looks only at what has come since. A
  // process that dies in between leaves a user who can be deleted again.
  store::AuditQuery of_user{.user_id = user_id, .kinds = {}, .limit = kAuditRowsMax};
  for (bool end = false; !end;) {
    Result<AuditPart> part = co_await submit<AuditPart>(
        workers_->reads, [&of_user](Database& db) { return audit_part(db, of_user, kAuditScan); });
    if (!part) co_return part.error();
    std::vector<std::uint64_t> seqs;
    for (const store::AuditRow& row : part->rows) seqs.push_back(row.seq);
    if (!seqs.empty()) {
      Result<void> forgotten =
          co_await submit<void>(workers_->writes, [&seqs](Database& db) { return forget_audit(db, seqs); });
      if (!forgotten) co_return forgotten.error();
    }
    of_user.after = part->read_to;
    end = part->end;
  }
  co_return co_await submit<std::vector<store::SessionRow>>(workers_->writes,
                                                            [&user_id, to = of_user.after, at, &actor](Database& db) {
                                                              return sqlite::delete_user(db, user_id, to, at, actor);
                                                            });
}

Task<Result<std::vector<store::UserView>>> SqliteStore::users(std::string after, std::uint32_t limit) {
  co_return co_await submit<std::vector<store::UserView>>(
      workers_->reads, [&after, limit](Database& db) { return sqlite::users(db, after, limit); });
}

Task<Result<std::vector<store::AuditRow>>> SqliteStore::audit_log(store::AuditQuery query) {
  std::vector<store::AuditRow> rows;
  const std::size_t limit = std::min(query.limit, kAuditRowsMax);
  for (bool end = false; !end && rows.size() < limit;) {
    query.limit = static_cast<std::uint32_t>(limit - rows.size());
    Result<AuditPart> part = co_await submit<AuditPart>(
        workers_->reads, [&query](Database& db) { return audit_part(db, query, kAuditScan); });
    if (!part) co_return part.error();
    std::move(part->rows.begin(), part->rows.end(), std::back_inserter(rows));
    (query.before != 0 ? query.before : query.after) = part->read_to;
    end = part->end;
  }
  co_return rows;
}

Task<Result<store::GrantAdded>> SqliteStore::add_grant(store::GrantAdd request) {
  co_return co_await submit<store::GrantAdded>(
      workers_->writes,
      [this, &request](Database& db) { return sqlite::add_grant(db, request, workers_->clock.wall()); },
      [&request](const store::GrantAdded& done) {
        if (request.landed && done.changed) request.landed({&done.change, 1});
      });
}

Task<Result<store::GrantsRemoved>> SqliteStore::remove_grants(store::GrantRemove request) {
  auto gone = co_await submit<GrantsGone>(
      workers_->writes,
      [this, &request](Database& db) { return sqlite::remove_grants(db, request, workers_->clock.wall()); },
      [&request](const GrantsGone& done) {
        if (request.landed && !done.changes.empty()) request.landed(done.changes);
      });
  if (!gone) co_return gone.error();
  co_return gone->result;
}

Task<Result<std::vector<store::UserGrants>>> SqliteStore::grants_of(std::vector<std::string> user_ids) {
  co_return co_await submit<std::vector<store::UserGrants>>(
      workers_->reads, [&user_ids](Database& db) { return sqlite::grants_of(db, user_ids); });
}

Task<Result<store::GrantsSwept>> SqliteStore::sweep_grants(std::uint32_t limit, store::GrantsLanded landed) {
  auto swept = co_await submit<SweptGrants>(
      workers_->writes, [this, limit](Database& db) { return sqlite::sweep_grants(db, limit, workers_->clock.wall()); },
      [&landed](const SweptGrants& done) {
        if (landed && !done.changes.empty()) landed(done.changes);
      });
  if (!swept) co_return swept.error();
  co_return swept->result;
}

Task<Result<std::vector<store::Notified>>> SqliteStore::notify(store::Notify request) {
  co_return co_await submit<std::vector<store::Notified>>(
      workers_->writes, [&request](Database& db) { return sqlite::notify(db, request); });
}

Task<Result<store::NotificationPage>> SqliteStore::notifications(store::NotificationQuery query) {
  co_return co_await submit<store::NotificationPage>(
      workers_->reads, [&query](Database& db) { return sqlite::notifications(db, query); });
}

Task<Result<store::NotificationsChanged>> SqliteStore::read_notifications(std::string user_id,
                                                                          store::NotificationChoice choice,
                                                                          WallTime at) {
  co_return co_await submit<store::NotificationsChanged>(workers_->writes, [&user_id, &choice, at](Database& db) {
    return sqlite::read_notifications(db, user_id, choice, at);
  });
}

Task<Result<store::NotificationsChanged>> SqliteStore::remove_notifications(std::string user_id,
                                                                            store::NotificationChoice choice) {
  co_return co_await submit<store::NotificationsChanged>(workers_->writes, [&user_id, &choice](Database& db) {
    return sqlite::remove_notifications(db, user_id, choice);
  });
}

Task<Result<std::uint64_t>> SqliteStore::prune_notifications(WallTime before, std::uint32_t limit) {
  co_return co_await submit<std::uint64_t>(
      workers_->writes, [before, limit](Database& db) { return sqlite::prune_notifications(db, before, limit); });
}

Task<Result<std::uint64_t>> SqliteStore::position(std::string name) {
  co_return co_await submit<std::uint64_t>(workers_->reads,
                                           [&name](Database& db) { return sqlite::position(db, name); });
}

Task<Result<void>> SqliteStore::set_position(std::string name, std::uint64_t seq) {
  co_return co_await submit<void>(workers_->writes,
                                  [&name, seq](Database& db) { return sqlite::set_position(db, name, seq); });
}

Task<Result<bool>> SqliteStore::lease(std::string name, std::string holder, std::chrono::milliseconds ttl) {
  co_return co_await submit<bool>(workers_->writes, [this, &name, &holder, ttl](Database& db) {
    return sqlite::lease(db, name, holder, ttl, workers_->clock.wall());
  });
}

Task<Result<std::string>> SqliteStore::history() { co_return std::string("1"); }

Task<Result<void>> SqliteStore::end_foreign(std::string sid, std::string user_id, Errc reason, WallTime at) {
  co_return co_await submit<void>(workers_->writes, [&sid, &user_id, reason, at](Database& db) {
    return sqlite::end_foreign(db, sid, user_id, reason, at);
  });
}

Task<Result<std::optional<WallTime>>> SqliteStore::restored_at() {
  co_return co_await submit<std::optional<WallTime>>(workers_->reads,
                                                     [](Database& db) { return sqlite::restored_at(db); });
}

Task<Result<void>> SqliteStore::backup(std::string path) {
  co_return co_await submit<void>(workers_->copies, [this, &path](Database& db) {
    Result<void> done = workers_->stopping ? fail(Errc::cancelled, "backup") : sqlite::backup(db, path);
    return !done && workers_->stopping ? fail(Errc::cancelled, done.error().detail) : done;
  });
}

Task<Result<void>> SqliteStore::ping() {
  co_return co_await submit<void>(workers_->writes, [](Database& db) { return sqlite::ping(db); });
}

}  // namespace gatecast::sqlite
