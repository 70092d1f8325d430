// A folder of its own for a test's database, and a look into the file beside the store.
//
// Place: tests of adapters/sqlite, and the place that store/contract.hpp asks for. Lifetime: the folder goes with the
// object.
#pragma once

#include <cstdlib>
#include <filesystem>

#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/sqlite_store.hpp"
#include "store/contract.hpp"

namespace gatecast::sqlite {

class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gatecast-sqlite-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() { std::filesystem::remove_all(path_); }

  /// The database's file; its folder is made by the store.
  std::string database() const { return path_ + "/data/gatecast.db"; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A connection of the test's own.
inline Database look_into(const std::string& path) {
  Result<Database> db = Database::open(path, {});
  if (!db) ADD_FAILURE() << db.error().detail;
  return std::move(*db);
}

/// The first column of the first row, as text; what went wrong where it did.
inline std::string first_value(Database& db, std::string_view sql) {
  Query query = db.select(sql);
  Result<bool> row = query.next();
  if (!row) return row.error().detail;
  return *row ? query.text(0) : "no row";
}

class SqlitePlace final : public store::StorePlace {
 public:
  std::unique_ptr<store::Store> open() override {
    auto opened = SqliteStore::open(folder_.database(), {.clock = &clock_});
    if (!opened) {
      ADD_FAILURE() << opened.error().detail;
      return nullptr;
    }
    return std::move(*opened);
  }
  std::vector<store::AuditRow> audit_rows() override {
    Database db = look_into(folder_.database());
    Query query = db.select("SELECT at, kind, user_id, sid, ip, code, detail, count, id FROM audit ORDER BY id");
    std::vector<store::AuditRow> rows;
    while (query.next().value_or(false)) {
      rows.push_back({.at = query.time(0),
                      .kind = query.text(1),
                      .user_id = query.text(2),
                      .sid = query.text(3),
                      .ip = query.text(4),
                      .code = query.text(5),
                      .detail = query.text(6),
                      .count = query.count(7),
                      .seq = query.count(8)});
    }
    return rows;
  }

  ManualClock& clock() override { return clock_; }

 private:
  TestFolder folder_;
  ManualClock clock_;
};

}  // namespace gatecast::sqlite
