// A file of SQLite as what a store is copied from.
//
// Place: the command `gatecast store copy`, which holds the data folder's lock. Threads: the caller's; blocks. All that
// is read is of one moment. Errors: store_failed with the path.
#pragma once

#include "adapters/postgres/store_copy.hpp"
#include "adapters/sqlite/database.hpp"

namespace gatecast::app {

class SqliteSource final : public postgres::CopySource {
 public:
  /// `bring_up`: a schema of an earlier version is brought to this one's; otherwise it is refused.
  static Result<SqliteSource> open(const std::string& path, bool bring_up);

  Result<std::uint64_t> count(const postgres::CopiedTable& table) override;
  Result<void> read(const postgres::CopiedTable& table,
                    const std::function<Result<void>(const postgres::CopiedRow&)>& take) override;
  Result<std::uint64_t> control_seq() override;

 private:
  explicit SqliteSource(sqlite::Database db) : db_(std::move(db)) {}
  Result<std::uint64_t> number(const std::string& sql);
  sqlite::Database db_;
};

}  // namespace gatecast::app
