#include "adapters/sqlite/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "adapters/sqlite/log_buffer.hpp"

namespace gatecast::sqlite {
namespace {

/// SQLite gives the file's mode to the -wal and -shm files, so it is set before SQLite makes any of them. The file is
/// opened here only where it does not exist: closing a descriptor drops every POSIX lock the process has on the file.
Result<void> make_private_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    return {};
  }
  if (errno == EEXIST && chmod(path.c_str(), 0600) == 0) return {};
  return fail(Errc::store_failed, fmt::format("cannot make {} private: {}", path, std::strerror(errno)));
}

bool only_undoes_its_statement(int code) {
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE: return true;
    default: return false;
  }
}

}  // namespace

void Database::CloseDatabase::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void Database::FinalizeStatement::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

/// Before SQLite's first use: it counts its memory under a lock that every allocation of every thread takes.
void configure_sqlite() {
  static const bool done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK;
  static_cast<void>(done);  // a program that used SQLite before merely counts on
}

Result<Database> Database::open(const std::string& path, const Options& options) {
  configure_sqlite();
  if (!options.read_only) {
    if (auto made = make_private_file(path); !made) return made.error();
  }
  const std::string vfs = options.read_only ? options.vfs : log_buffer_over(options.vfs);
  sqlite3* handle = nullptr;
  const int access = options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  const int opened = sqlite3_open_v2(path.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                     vfs.empty() ? nullptr : vfs.c_str());
  Database db(handle, path);
  if (opened != SQLITE_OK) return db.failure("open");
  if (auto configured = db.configure(options); !configured) return configured.error();
  return db;
}

Result<void> Database::configure(const Options& options) {
  // busy_timeout comes first: switching to WAL takes a lock that another connection may hold for a moment.
  sqlite3_busy_timeout(db_.get(), static_cast<int>(options.busy_timeout.count()));
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (!options.read_only) {
    // Keys are random, so a sign-in writes many pages and a few hundred bytes to each: small pages halve what goes to
    // the log. This is for a new file; one that exists keeps its size.
    if (auto sized = exec("PRAGMA page_size=2048"); !sized) return sized;
    Query mode = select("PRAGMA journal_mode=WAL");
    Result<bool> row = mode.next();
    if (!row) return row.error();
    if (!*row || mode.text(0) != "wal") {
      return fail(Errc::store_failed, fmt::format("sqlite: {} cannot use a write-ahead log", path_));
    }
  }
  // FULL flushes the log at every commit. secure_delete=fast: overwriting freed pages doubles the writes of a deletion.
  // A checkpoint moves about 16 MB at most: larger ones write a page fewer times, but hold up the writer longer.
  return exec(
      "PRAGMA synchronous=FULL;"
      "PRAGMA secure_delete=fast;"
      "PRAGMA foreign_keys=ON;"
      "PRAGMA temp_store=MEMORY;"
      "PRAGMA cache_size=-16384;"
      "PRAGMA wal_autocheckpoint=8000;"
      "PRAGMA journal_size_limit=67108864;");
}

Result<void> Database::exec(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(sql);
  return {};
}

sqlite3_stmt* Database::prepared(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &made,
                           nullptr) != SQLITE_OK) {
      return nullptr;
    }
    found = statements_.emplace(std::string(sql), made).first;
  }
  // One statement cannot run twice at a time: an operation that nests a query in itself is a mistake of ours.
  if (sqlite3_stmt_busy(found->second.get()) != 0) std::abort();
  return found->second.get();
}

void Database::stop_when(const std::atomic<bool>& stopping) {
  constexpr int kInstructions = 10'000;  // between two looks: a fraction of a millisecond
  // SQLite hands the pointer on as it is; the flag is only read.
  void* flag = const_cast<std::atomic<bool>*>(&stopping);
  sqlite3_progress_handler(
      db_.get(), kInstructions, [](void* at) { return static_cast<std::atomic<bool>*>(at)->load() ? 1 : 0; }, flag);
}

std::uint64_t Database::changes() const { return static_cast<std::uint64_t>(sqlite3_changes64(db_.get())); }
std::uint64_t Database::total_changes() const { return static_cast<std::uint64_t>(sqlite3_total_changes64(db_.get())); }
std::uint64_t Database::last_row_id() const { return static_cast<std::uint64_t>(sqlite3_last_insert_rowid(db_.get())); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

Error Database::failure(std::string_view doing) {
  const int code = db_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db_.get());
  const char* text = db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_.get());
  Error error = fail(Errc::store_failed,
                     fmt::format("sqlite: {} ({}) at {}: {}", text, code, path_, doing.substr(0, doing.find(';'))));
  if (!lost_ && !only_undoes_its_statement(code)) lost_ = error;
  return error;
}

Query::Query(Query&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      texts_(other.texts_),
      parameter_(other.parameter_) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

// What binding may refuse (too big, no memory) leaves the parameter null, which a NOT NULL column then refuses; a
// statement that could not be prepared is reported by next().
void Query::bind(std::string_view value) {
  if (statement_ == nullptr) return;
  // A null pointer would bind NULL, and a view of nothing has one.
  sqlite3_bind_text64(statement_, ++parameter_, value.data() == nullptr ? "" : value.data(), value.size(),
                      texts_ == Texts::copied ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8);
}
void Query::bind(std::int64_t value) {
  if (statement_ != nullptr) sqlite3_bind_int64(statement_, ++parameter_, value);
}
void Query::bind_null() { ++parameter_; }

Result<bool> Query::next() {
  if (statement_ == nullptr) return db_->failure("prepare");
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return db_->failure(sqlite3_sql(statement_));
}

bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::string Query::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}
std::int64_t Query::number(int column) const { return sqlite3_column_int64(statement_, column); }

}  // namespace gatecast::sqlite
