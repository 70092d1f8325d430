#include "adapters/sqlite/inspect.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "adapters/sqlite/schema.hpp"
#include "adapters/sqlite/sqlite_store.hpp"

namespace gatecast::sqlite {
namespace {

constexpr std::uint64_t kAny = std::uint64_t{1} << 40;

class InspectTest : public testing::Test {
 protected:
  InspectTest() {
    std::string text = (std::filesystem::temp_directory_path() / "gatecast-inspect-XXXXXX").string();
    folder_ = mkdtemp(text.data());
    path_ = folder_ + "/data/store.db";
  }
  ~InspectTest() override { std::filesystem::remove_all(folder_); }

  void make() {
    auto store = SqliteStore::open(path_);
    ASSERT_TRUE(store) << store.error().detail;
    (*store)->stop();
  }
  void run(const char* sql) {
    auto db = Database::open(path_, {});
    ASSERT_TRUE(db);
    auto done = db->exec(sql);
    ASSERT_TRUE(done) << done.error().detail;
  }
  Inspection seen() {
    auto inspected = inspect(path_, kAny);
    EXPECT_TRUE(inspected) << inspected.error().detail;
    EXPECT_TRUE(inspected && *inspected);
    return inspected && *inspected ? **inspected : Inspection{};
  }

  std::string folder_, path_;
};

TEST_F(InspectTest, NothingThere) {
  const auto inspected = inspect(path_, kAny);
  ASSERT_TRUE(inspected);
  EXPECT_FALSE(*inspected);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(InspectTest, AStoreOfThisProgramIsWhole) {
  make();
  const auto found = seen();
  EXPECT_TRUE(found.ours);
  EXPECT_EQ(found.version, static_cast<std::int64_t>(migrations().size()));
  EXPECT_EQ(found.known, found.version);
  EXPECT_TRUE(found.checked);
  EXPECT_EQ(found.damage, "");
  EXPECT_FALSE(found.backup_at);
}

TEST_F(InspectTest, BesideAServerThatUsesIt) {
  auto store = SqliteStore::open(path_);
  ASSERT_TRUE(store);
  EXPECT_TRUE(seen().ours);
  (*store)->stop();
}

TEST_F(InspectTest, ANewerVersionAndAnothersFile) {
  make();
  run("UPDATE schema_version SET version = version + 1");
  EXPECT_GT(seen().version, seen().known);
  run("PRAGMA application_id = 7");
  EXPECT_FALSE(seen().ours);
}

TEST_F(InspectTest, TheNewestBackupThatWasMade) {
  make();
  run("INSERT INTO audit (at, kind, user_id, sid, ip, code, detail, count) VALUES"
      " (1000, 'signin', '', '', '', '', '', 1),"
      " (2000, 'api_call', '', '', '', '', 'operator:0 backup /b/1.db', 1),"
      " (3000, 'api_call', '', '', '', '', 'operator:0 backup /b/2.db', 1),"
      " (4000, 'api_call', '', '', '', '', 'key:backup session_end', 1)");
  const auto found = seen();
  ASSERT_TRUE(found.backup_at && found.first_audit);
  EXPECT_EQ(unix_ms(*found.backup_at), 3000);
  EXPECT_EQ(unix_ms(*found.first_audit), 1000);
}

TEST_F(InspectTest, DamageIsSeenAndALargeFileIsLeftAlone) {
  make();
  run("INSERT INTO control_log (kind, subject, user_id, reason, at) WITH n (i) AS"
      " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT 'kind', 'subject ' || i, '', '', i FROM n");
  run("PRAGMA wal_checkpoint(TRUNCATE)");
  {
    // The last page, which is the table's or an index's: the schema can still be read.
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const std::string rubbish(2048, '\x5a');
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path_) - rubbish.size()));
    file.write(rubbish.data(), static_cast<std::streamsize>(rubbish.size()));
  }
  EXPECT_NE(seen().damage, "");
  const auto unchecked = inspect(path_, 10);
  ASSERT_TRUE(unchecked && *unchecked);
  EXPECT_FALSE((**unchecked).checked);
  EXPECT_EQ((**unchecked).damage, "");
}

TEST_F(InspectTest, WhatIsNoDatabaseIsAnError) {
  std::filesystem::create_directories(folder_ + "/data");
  std::ofstream(path_) << "this is a text, and long enough to be taken for the header of a database file.......";
  EXPECT_FALSE(inspect(path_, kAny));
}

}  // namespace
}  // namespace gatecast::sqlite
