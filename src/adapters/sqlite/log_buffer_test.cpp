#include "adapters/sqlite/log_buffer.hpp"

#include <gtest/gtest.h>

#include "adapters/sqlite/faulty_vfs.hpp"
#include "adapters/sqlite/sqlite_place.hpp"

namespace gatecast::sqlite {
namespace {

// The faulty VFS counts what reaches the disk, and lies below the buffer.
class LogBufferTest : public ::testing::Test {
 protected:
  LogBufferTest() {
    faulty_disk().repair();
    EXPECT_TRUE(db_.exec("CREATE TABLE t (x)"));
  }
  static Database open(const std::string& path) {
    faulty_disk();
    Result<Database> db = Database::open(path, {.vfs = "faulty"});
    EXPECT_TRUE(db.has_value());
    return std::move(*db);
  }
  std::string count_elsewhere() {
    Database db = look_into(path_);
    return first_value(db, "SELECT count(*) FROM t");
  }
  Result<void> insert_many(Database& db, int rows, const char* end = "COMMIT") {
    const std::string sql = fmt::format(
        "BEGIN; INSERT INTO t WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
        " SELECT randomblob(1000) FROM n; {}",
        rows, end);
    return db.exec(sql.c_str());
  }

  TestFolder folder_;
  std::string path_ = folder_.path() + "/t.db";
  Database db_ = open(path_);
};

TEST_F(LogBufferTest, ATransactionIsOneWriteForEachBufferAndFlushedBeforeItIsSeen) {
  const long before = faulty_disk().log_writes();
  ASSERT_TRUE(insert_many(db_, 40));
  // 40 KB of rows in pages of 2 KB: two calls a page without the buffer, and they fit into one write.
  EXPECT_LE(faulty_disk().log_writes() - before, 2);
  EXPECT_EQ(faulty_disk().unflushed(), 0);
  EXPECT_EQ(count_elsewhere(), "40");
}

TEST_F(LogBufferTest, WhatSpillsFromTheCacheIsReadBack) {
  ASSERT_TRUE(db_.exec("PRAGMA cache_size=10"));
  ASSERT_TRUE(insert_many(db_, 3000, "UPDATE t SET x = x || 'y'; COMMIT"));
  EXPECT_EQ(first_value(db_, "SELECT count(*) FROM t WHERE length(CAST(x AS BLOB)) = 1001"), "3000");
  EXPECT_EQ(count_elsewhere(), "3000");
  EXPECT_EQ(first_value(db_, "PRAGMA integrity_check"), "ok");
}

TEST_F(LogBufferTest, WritesOfEverySizeArrive) {
  // Sizes around the multiples of 128 KB, at which SQLite's own VFS takes a write for a full disk.
  for (int rows = 60; rows < 140; ++rows) ASSERT_TRUE(insert_many(db_, rows)) << rows;
  EXPECT_EQ(first_value(db_, "PRAGMA integrity_check"), "ok");
}

TEST_F(LogBufferTest, AWriteThatWasPutOffAndFailsFailsItsTransactionAlone) {
  for (long nth = 1; nth <= 6; ++nth) {
    faulty_disk().arm(Fault::disk_full, nth);
    const Result<void> done = insert_many(db_, 40);
    const bool met = faulty_disk().failures() > 0;
    faulty_disk().repair();
    EXPECT_NE(done.has_value(), met) << nth;
    if (db_.in_transaction()) ASSERT_TRUE(db_.exec("ROLLBACK"));
    ASSERT_TRUE(db_.exec("DELETE FROM t"));
    ASSERT_TRUE(insert_many(db_, 7)) << nth;
    EXPECT_EQ(count_elsewhere(), "7") << nth;
    ASSERT_TRUE(db_.exec("DELETE FROM t"));
  }
}

TEST_F(LogBufferTest, RolledBackBytesReachNobody) {
  ASSERT_TRUE(db_.exec("PRAGMA cache_size=10"));
  ASSERT_TRUE(insert_many(db_, 500, "ROLLBACK"));
  ASSERT_TRUE(insert_many(db_, 3));
  EXPECT_EQ(count_elsewhere(), "3");
  EXPECT_EQ(first_value(db_, "PRAGMA integrity_check"), "ok");
}

TEST_F(LogBufferTest, AnUnknownVfsHasNoName) { EXPECT_EQ(log_buffer_over("no such vfs"), ""); }

}  // namespace
}  // namespace gatecast::sqlite
