#include "adapters/sqlite/sqlite_store.hpp"

#include <pthread.h>
#include <signal.h>

#include <thread>

#include "adapters/sqlite/group_commit.hpp"
#include "adapters/sqlite/operations.hpp"
#include "adapters/sqlite/schema.hpp"
#include "core/lock_file.hpp"

namespace gatecast::sqlite {
namespace {

// Rows of each table that one transaction of `prune` removes: a few milliseconds, so that sign-ins do not wait long.
constexpr std::uint32_t kPruneRows = 1000;

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
  Workers(Database write_db, Database read_db, const Options& options)
      : clock(options.clock != nullptr ? *options.clock : system_clock()),
        writes(options.queue_ops),
        reads(options.queue_ops),
        group(std::move(write_db), options.group_ops, options.group_work),
        reader_db(std::move(read_db)) {}

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

  const Clock& clock;
  OperationQueue writes;
  OperationQueue reads;
  GroupCommit group;
  Database reader_db;
  std::atomic<std::uint64_t> read_count{0};
  std::thread writer;
  std::thread reader;
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

  auto workers = std::make_unique<Workers>(std::move(*writer), std::move(*reader), options);
  workers->writer = std::thread([w = workers.get()] { w->write_all(); });
  workers->reader = std::thread([w = workers.get()] { w->read_all(); });
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(workers)));
}

SqliteStore::SqliteStore(std::unique_ptr<Workers> workers) : workers_(std::move(workers)) {}
SqliteStore::~SqliteStore() { stop(); }

void SqliteStore::stop() {
  workers_->writes.close();
  workers_->reads.close();
  if (workers_->writer.joinable()) workers_->writer.join();
  if (workers_->reader.joinable()) workers_->reader.join();
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

Task<Result<std::uint64_t>> SqliteStore::prune(WallTime now, WallTime audit_before) {
  // Many small transactions: the others' operations come in between.
  std::uint64_t gone = 0;
  for (;;) {
    Result<std::uint64_t> some = co_await submit<std::uint64_t>(workers_->writes, [now, audit_before](Database& db) {
      return sqlite::prune(db, now, audit_before, kPruneRows);
    });
    if (!some) co_return some;
    if (*some == 0) co_return gone;
    gone += *some;
  }
}

Task<Result<void>> SqliteStore::ping() {
  co_return co_await submit<void>(workers_->writes, [](Database& db) { return sqlite::ping(db); });
}

}  // namespace gatecast::sqlite
