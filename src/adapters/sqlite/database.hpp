// One SQLite connection with its prepared statements.
//
// Place: under the store's writer and reader; the only file that calls SQLite. Threads: one at a time (no mutex
// inside). Lifetime: queries end before their database. Bounds: one prepared statement for each text ever given, and
// texts are literals. Errors: store_failed with what was done, SQLite's message, its extended code and the path.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace gatecast::sqlite {

class Database;

/// A statement being run; gives it back to the cache, reset, when destroyed.
class Query {
 public:
  /// What text becomes when it is bound: copied, or only looked at until the query ends.
  enum class Texts : std::uint8_t { copied, borrowed };

  Query(Database& db, sqlite3_stmt* statement, Texts texts) : db_(&db), statement_(statement), texts_(texts) {}
  Query(Query&& other) noexcept;
  Query& operator=(Query&&) = delete;
  ~Query();

  /// Values for the parameters in their order.
  void bind(std::string_view value);
  void bind(std::int64_t value);
  void bind(WallTime value) { bind(unix_ms(value)); }
  void bind_null();
  template <class T>
  void bind(const std::optional<T>& value) {
    value ? bind(*value) : bind_null();
  }

  /// True: a row is there; false: there are no more.
  Result<bool> next();
  bool is_null(int column) const;
  std::string text(int column) const;
  std::int64_t number(int column) const;
  std::uint64_t count(int column) const { return static_cast<std::uint64_t>(number(column)); }
  bool flag(int column) const { return number(column) != 0; }
  WallTime time(int column) const { return from_unix_ms(number(column)); }

 private:
  Database* db_;
  sqlite3_stmt* statement_;  // null: preparing failed, and next() says so
  Texts texts_;
  int parameter_ = 0;
};

class Database {
 public:
  struct Options {
    std::chrono::milliseconds busy_timeout{5000};
    std::string vfs{};
    bool read_only = false;  // the file must exist
  };
  static Result<Database> open(const std::string& path, const Options& options);

  /// Runs statements without parameters and without results.
  Result<void> exec(const char* sql);
  /// A query with its parameters bound.
  template <class... A>
  Query select(std::string_view sql, const A&... values) {
    Query query(*this, prepared(sql), Query::Texts::copied);
    (query.bind(values), ...);
    return query;
  }
  /// Runs a statement to its end; gives the number of rows it changed.
  template <class... A>
  Result<std::uint64_t> run(std::string_view sql, const A&... values) {
    Query query(*this, prepared(sql), Query::Texts::borrowed);
    (query.bind(values), ...);
    for (;;) {
      Result<bool> row = query.next();
      if (!row) return row.error();
      if (!*row) return changes();
    }
  }

  /// Interrupts what runs and will run as soon as the flag is set; the flag outlives the database.
  void stop_when(const std::atomic<bool>& stopping);

  std::uint64_t last_row_id() const;
  /// Rows changed since the connection was opened.
  std::uint64_t total_changes() const;
  bool in_transaction() const;
  /// The first failure since `forget_lost` that leaves no trust in the open transaction (I/O, full, corrupt, memory,
  /// busy), in contrast to one that only undid its own statement (constraint, size).
  const std::optional<Error>& lost() const { return lost_; }
  void forget_lost() { lost_.reset(); }

 private:
  friend class Query;
  struct CloseDatabase {
    void operator()(sqlite3* db) const;
  };
  struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const;
  };

  Database(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  Result<void> configure(const Options& options);
  sqlite3_stmt* prepared(std::string_view sql);
  std::uint64_t changes() const;
  /// The failure SQLite reports now, noted for `lost`.
  Error failure(std::string_view doing);

  std::unique_ptr<sqlite3, CloseDatabase> db_;
  std::string path_;
  std::map<std::string, std::unique_ptr<sqlite3_stmt, FinalizeStatement>, std::less<>> statements_;
  std::optional<Error> lost_;
};

}  // namespace gatecast::sqlite
