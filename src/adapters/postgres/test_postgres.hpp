// A PostgreSQL server of the test program's own, with a database for each test.
//
// Place: tests of adapters/postgres (and of what stands on it). The first use makes the server in a temporary folder:
// on a Unix socket, without fsync, as the user `postgres` where the program is root's. It goes with the program, also
// with one that crashes. Threads: the test's. Lifetime: the server's is the program's.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "adapters/postgres/postgres_store.hpp"
#include "adapters/postgres/schema.hpp"
#include "store/contract.hpp"

namespace gatecast::postgres {

/// The newest of Debian's folders, or what PG_BIN says.
inline std::string postgres_programs() {
  if (const char* bin = std::getenv("PG_BIN")) return bin;
  std::string newest;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ec)) {
    if (std::filesystem::exists(entry.path() / "bin/initdb"))
      newest = std::max(newest, (entry.path() / "bin").string());
  }
  return newest;
}

/// A blocking connection of the test's own.
class Sql {
 public:
  explicit Sql(const ServiceUrl& url) : conn_(PQconnectdb(std::string(url.expose()).c_str())) {
    PQsetNoticeReceiver(conn_.get(), [](void*, const PGresult*) {}, nullptr);
    if (PQstatus(conn_.get()) != CONNECTION_OK) ADD_FAILURE() << PQerrorMessage(conn_.get());
  }
  /// The first column of each row.
  std::vector<std::string> column(const std::string& sql) {
    std::vector<std::string> out;
    each(sql, [&out](const PGresult* rows, int row) { out.emplace_back(PQgetvalue(rows, row, 0)); });
    return out;
  }
  std::string value(const std::string& sql) {
    const auto values = column(sql);
    return values.empty() ? "no row" : values.front();
  }
  template <class F>
  void each(const std::string& sql, F&& f) {
    PGresult* rows = PQexec(conn_.get(), sql.c_str());
    const auto status = PQresultStatus(rows);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      ADD_FAILURE() << sql << ": " << PQresultErrorMessage(rows);
    for (int row = 0; row < PQntuples(rows); ++row) f(rows, row);
    PQclear(rows);
  }
  void run(const std::string& sql) { column(sql); }
  PGconn* get() { return conn_.get(); }

 private:
  PgConn conn_;
};

class TestServer {
 public:
  static TestServer& instance() {
    static TestServer server;
    return server;
  }

  ServiceUrl url(const std::string& database, const std::string& user = "postgres") const {
    return ServiceUrl(fmt::format("postgresql://{}@/{}?host={}", user, database, folder_));
  }
  /// Of a test; with the schema, unless it is to be empty.
  std::string make_database(bool empty = false) {
    const std::string name = fmt::format("test{}", ++databases_);
    Sql(url("postgres"))
        .run(fmt::format("CREATE DATABASE {} TEMPLATE {}", name, empty ? "template0" : "gatecast_template"));
    return name;
  }
  /// One with the schema and no rows; given back it serves the next test.
  std::string borrow_database() {
    if (free_.empty()) return make_database();
    std::string name = std::move(free_.back());
    free_.pop_back();
    return name;
  }
  void give_back(const std::string& name) {
    Sql(url(name)).run(
        "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('gatecast.%I', tablename), ', ') FROM pg_tables"
        " WHERE schemaname = 'gatecast' AND tablename <> 'schema_version'); END $$");
    free_.push_back(name);
  }
  /// SIGINT: clients are cut off; SIGQUIT: as a crash.
  void stop(int signal = SIGINT) {
    if (pid_ <= 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void start() {
    pid_ = launch({programs_ + "/postgres",
                   "-D",
                   folder_ + "/data",
                   "-k",
                   folder_,
                   "-c",
                   "listen_addresses=",
                   "-c",
                   "fsync=off",
                   "-c",
                   "full_page_writes=off",
                   "-c",
                   "max_connections=150",
                   "-c",
                   "shared_buffers=32MB",
                   "-c",
                   "autovacuum=off",
                   "-c",
                   "jit=off",
                   "-c",
                   "logging_collector=off",
                   "-c",
                   "deadlock_timeout=200ms"});
    const std::string where(url("postgres").expose());
    while (PQping(where.c_str()) != PQPING_OK) {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
        ADD_FAILURE() << "postgres does not start: see " << folder_ << "/log";
        pid_ = 0;
        return;
      }
      usleep(5000);  // a condition of another process: there is nothing to wait on
    }
  }

 private:
  TestServer() : programs_(postgres_programs()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "gatecast-postgres-XXXXXX").string();
    if (programs_.empty() || mkdtemp(pattern.data()) == nullptr) {
      ADD_FAILURE() << "the package postgresql is missing";
      std::abort();
    }
    folder_ = pattern;
    if (const passwd* user = geteuid() == 0 ? getpwnam("postgres") : nullptr) {
      uid_ = user->pw_uid;
      gid_ = user->pw_gid;
      if (chown(folder_.c_str(), uid_, gid_) != 0) std::abort();
    }
    const pid_t made = launch({programs_ + "/initdb", "-D", folder_ + "/data", "--no-sync", "-A", "trust", "-U",
                               "postgres", "-E", "UTF8", "--locale=C.UTF-8"});
    int status = 0;
    waitpid(made, &status, 0);
    if (status != 0) std::abort();
    start();
    Sql(url("postgres")).run("CREATE DATABASE gatecast_template TEMPLATE template0");
    auto migrated = migrate(*Target::make(url("gatecast_template"), {}), std::chrono::seconds(30));
    if (!migrated) ADD_FAILURE() << migrated.error().detail;
  }
  ~TestServer() {
    stop(SIGQUIT);
    std::error_code ec;
    std::filesystem::remove_all(folder_, ec);
  }

  pid_t launch(const std::vector<std::string>& command) const {
    std::vector<char*> words;
    for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const std::string log = folder_ + "/log";
    const pid_t child = fork();
    if (child != 0) return child;
    if (gid_ != 0 && (setgroups(0, nullptr) != 0 || setgid(gid_) != 0 || setuid(uid_) != 0)) _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, 1);
    dup2(out, 2);
    if (chdir(folder_.c_str()) != 0) _exit(126);
    execv(words[0], words.data());
    _exit(127);
  }

  std::string programs_;
  std::string folder_;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
  pid_t pid_ = 0;
  int databases_ = 0;
  std::vector<std::string> free_;
};

/// A database of the test's own, and stores on it.
class PostgresPlace final : public store::StorePlace {
 public:
  PostgresPlace() = default;
  ~PostgresPlace() override { TestServer::instance().give_back(database_); }
  std::unique_ptr<store::Store> open() override { return open(Options{}); }
  /// With these options but for URL and clock.
  std::unique_ptr<PostgresStore> open(Options options) {
    options.url = url();
    options.clock = &clock_;
    if (options.connections == Options{}.connections) options.connections = 6;
    if (options.deadline == Options{}.deadline) options.deadline = std::chrono::seconds(60);
    auto opened = PostgresStore::open(options);
    if (!opened) {
      ADD_FAILURE() << opened.error().detail;
      return nullptr;
    }
    return std::move(*opened);
  }
  std::vector<store::AuditRow> audit_rows() override {
    std::vector<store::AuditRow> rows;
    sql().each("SELECT at, kind, user_id, sid, ip, code, detail, count, seq FROM gatecast.audit ORDER BY seq",
               [&rows](const PGresult* from, int row) {
                 const auto text = [&](int column) { return std::string(PQgetvalue(from, row, column)); };
                 rows.push_back({.at = from_unix_ms(std::stoll(text(0))),
                                 .kind = text(1),
                                 .user_id = text(2),
                                 .sid = text(3),
                                 .ip = text(4),
                                 .code = text(5),
                                 .detail = text(6),
                                 .count = std::stoull(text(7)),
                                 .seq = std::stoull(text(8))});
               });
    return rows;
  }
  ManualClock& clock() override { return clock_; }
  ServiceUrl url() const { return TestServer::instance().url(database_); }
  const std::string& database() const { return database_; }
  Sql sql() const { return Sql(url()); }

 private:
  std::string database_ = TestServer::instance().borrow_database();
  ManualClock clock_;
};

}  // namespace gatecast::postgres
