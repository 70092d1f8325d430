#include "adapters/sqlite/backup.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "adapters/sqlite/faulty_vfs.hpp"
#include "adapters/sqlite/restore.hpp"
#include "adapters/sqlite/schema.hpp"
#include "adapters/sqlite/sqlite_place.hpp"

namespace gatecast::sqlite {
namespace {

using store::kContractStart;
using store::make_sign_in;

constexpr WallTime kRestored = kContractStart + std::chrono::hours(1);

class BackupTest : public ::testing::Test {
 protected:
  using Strings = std::vector<std::string>;

  std::unique_ptr<SqliteStore> open(const std::string& path, const Options& options = {}) {
    auto opened = SqliteStore::open(path, options);
    EXPECT_TRUE(opened.has_value()) << opened.error().detail;
    return opened ? std::move(*opened) : nullptr;
  }
  std::string sign_in(store::Store& store, const std::string& tag) {
    auto done = loop_.run(store.sign_in(make_sign_in("wallet-" + tag, tag)));
    EXPECT_TRUE(done.has_value());
    return done ? done->session.sid : "";
  }
  Result<void> back_up(store::Store& store, const std::string& path) { return loop_.run(store.backup(path)); }
  /// A store with one session, and its backup.
  void make_backup() {
    auto store = open(folder_.database());
    sign_in(*store, "a");
    ASSERT_TRUE(back_up(*store, copy_));
  }
  bool stands(const std::string& path, const std::string& sid) {
    auto store = open(path);
    return loop_.run(store->session(sid)).has_value();
  }
  static Strings files_of(const std::string& folder) {
    Strings names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  TestFolder folder_;
  const std::string copy_ = folder_.path() + "/copy.db";
  ManualClock clock_;
  ManualLoop loop_{clock_};
};

TEST_F(BackupTest, ACopyIsWholeAndForThisUserAlone) {
  auto store = open(folder_.database());
  const std::string sid = sign_in(*store, "a");
  ASSERT_TRUE(back_up(*store, copy_));
  struct stat found{};
  ASSERT_EQ(stat(copy_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  EXPECT_EQ(files_of(folder_.path()), (Strings{"copy.db", "data"})) << "one file, nothing beside it";
  sign_in(*store, "later");
  Database db = look_into(copy_);
  EXPECT_EQ(first_value(db, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(first_value(db, "SELECT sid FROM sessions"), sid);
  EXPECT_EQ(first_value(db, "SELECT count(*) FROM sessions"), "1");
}

TEST_F(BackupTest, NothingIsOverwritten) {
  auto store = open(folder_.database());
  std::ofstream(copy_) << "mine";
  EXPECT_EQ(back_up(*store, copy_).error().code, Errc::store_conflict);
  std::string kept;
  std::ifstream(copy_) >> kept;
  EXPECT_EQ(kept, "mine");
  const std::string link = folder_.path() + "/link.db";
  std::filesystem::create_symlink(folder_.path() + "/nowhere", link);
  EXPECT_EQ(back_up(*store, link).error().code, Errc::store_conflict);
  EXPECT_EQ(files_of(folder_.path()), (Strings{"copy.db", "data", "link.db"}));
}

TEST_F(BackupTest, AFolderThatIsNotThereIsNamed) {
  auto store = open(folder_.database());
  const auto refused = back_up(*store, folder_.path() + "/none/copy.db");
  EXPECT_EQ(refused.error().code, Errc::store_failed);
  EXPECT_NE(refused.error().detail.find("/none/copy.db"), std::string::npos) << refused.error().detail;
}

TEST_F(BackupTest, WhatADeadProcessLeftIsInNobodysWay) {
  auto store = open(folder_.database());
  std::ofstream(copy_ + ".partial") << "half a copy";
  ASSERT_TRUE(back_up(*store, copy_));
  EXPECT_EQ(files_of(folder_.path()), (Strings{"copy.db", "data"}));
}

TEST_F(BackupTest, SignInsGoOnMeanwhileAndTheCopyIsConsistent) {
  auto store = open(folder_.database());
  sign_in(*store, "first");
  std::atomic<bool> enough{false};
  std::atomic<int> made{0};
  std::jthread others([&] {
    ManualClock clock;
    ManualLoop loop(clock);
    for (int i = 0; !enough; ++i) {
      const std::string tag = std::to_string(i);
      if (!loop.run(store->sign_in(make_sign_in("other-" + tag, tag)))) break;
      ++made;
    }
  });
  while (made < 100) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) {
    const int before = made;
    const std::string path = copy_ + std::to_string(i);
    ASSERT_TRUE(back_up(*store, path));
    Database db = look_into(path);
    EXPECT_EQ(first_value(db, "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(first_value(db, "SELECT count(*) FROM pragma_foreign_key_check"), "0");
    const std::string sessions = first_value(db, "SELECT count(*) FROM sessions");
    EXPECT_GE(std::stoi(sessions), before + 1);
    EXPECT_EQ(first_value(db, "SELECT count(*) FROM audit WHERE kind = 'signin'"), sessions);
    EXPECT_EQ(first_value(db, "SELECT count(*) FROM used_nonces"), sessions);
  }
  enough = true;
}

TEST_F(BackupTest, StoppingGivesABackupUp) {
  auto store = open(folder_.database());
  store->stop();
  EXPECT_EQ(back_up(*store, copy_).error().code, Errc::cancelled);
  EXPECT_EQ(files_of(folder_.path()), Strings{"data"});
}

TEST_F(BackupTest, ADiskThatFailsLeavesNoCopyAndAStoreThatWorks) {
  FaultyDisk& disk = faulty_disk();
  disk.repair();
  auto store = open(folder_.database(), {.vfs = "faulty"});
  sign_in(*store, "a");
  long nth = 1;
  for (;; ++nth) {
    SCOPED_TRACE(nth);
    disk.arm(nth % 2 == 0 ? Fault::broken : Fault::once, nth);
    const auto done = back_up(*store, copy_);
    const bool met = disk.failures() > 0;
    disk.repair();
    if (done) {
      // A failure that SQLite could do without is no failure; what has the name is whole.
      Database db = look_into(copy_);
      EXPECT_EQ(first_value(db, "PRAGMA integrity_check"), "ok");
      EXPECT_EQ(first_value(db, "SELECT count(*) FROM sessions"), "1");
      if (!met) break;
      for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(copy_ + suffix);
      continue;
    }
    EXPECT_EQ(done.error().code, Errc::store_failed);
    EXPECT_EQ(files_of(folder_.path()), Strings{"data"});
    if (HasFailure()) break;
  }
  EXPECT_GT(nth, 10);
  sign_in(*store, "b");
}

class RestoreTest : public BackupTest {};

TEST_F(RestoreTest, AStoreIsAsItWasAndSaysWhenItWasRestored) {
  make_backup();
  std::uint64_t last = 0;
  {
    auto store = open(folder_.database());
    sign_in(*store, "later");
    last = loop_.run(store->audit_log({}))->back().seq;
    ASSERT_TRUE(loop_.run(store->set_position("hook", last)));
  }
  auto done = restore(copy_, folder_.database(), kRestored);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(done->kept_as, folder_.database() + ".before-restore");
  EXPECT_EQ(done->users, 1U);
  EXPECT_EQ(done->sessions, 1U);
  EXPECT_EQ(files_of(folder_.path() + "/data"), (Strings{"gatecast.db", "gatecast.db.before-restore"}));
  struct stat found{};
  ASSERT_EQ(stat(folder_.database().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);

  auto store = open(folder_.database());
  EXPECT_TRUE(loop_.run(store->session("sid-a/user-a")).has_value());
  EXPECT_EQ(loop_.run(store->session("sid-later/user-later")).error().code, Errc::session_unknown);
  EXPECT_EQ(*loop_.run(store->restored_at()), kRestored);
  const auto rows = *loop_.run(store->audit_log({}));
  EXPECT_EQ(rows.back().kind, "store_restored");
  EXPECT_GT(rows.back().seq, last) << "no number is given twice, also over a restore";
  store.reset();
  EXPECT_TRUE(stands(done->kept_as, "sid-later/user-later")) << "the old store is complete, its log folded in";
}

TEST_F(RestoreTest, ANewFolderNeedsNoOldStore) {
  make_backup();
  const std::string elsewhere = folder_.path() + "/new/gatecast.db";
  auto done = restore(copy_, elsewhere, kRestored);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(done->kept_as, "");
  EXPECT_EQ(files_of(folder_.path() + "/new"), Strings{"gatecast.db"});
  EXPECT_TRUE(stands(elsewhere, "sid-a/user-a"));
}

TEST_F(RestoreTest, EveryOldStoreIsKept) {
  make_backup();
  ASSERT_TRUE(restore(copy_, folder_.database(), kRestored).has_value());
  auto second = restore(copy_, folder_.database(), kRestored + std::chrono::hours(1));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->kept_as, folder_.database() + ".before-restore.2");
  auto store = open(folder_.database());
  EXPECT_EQ(*loop_.run(store->restored_at()), kRestored + std::chrono::hours(1));
}

TEST_F(RestoreTest, AStoreInUseIsLeftAlone) {
  make_backup();
  auto store = open(folder_.database());
  const auto refused = restore(copy_, folder_.database(), kRestored);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::store_failed);
  sign_in(*store, "b");
  store.reset();
  EXPECT_EQ(files_of(folder_.path() + "/data"), Strings{"gatecast.db"});
  EXPECT_TRUE(stands(folder_.database(), "sid-b/user-b"));
}

TEST_F(RestoreTest, WhatIsNoWholeBackupIsRefusedAndNothingChanges) {
  make_backup();
  const auto refused = [this](const std::string& path, const std::string& word) {
    const auto done = restore(path, folder_.database(), kRestored);
    ASSERT_FALSE(done.has_value()) << word;
    EXPECT_EQ(done.error().code, Errc::store_failed);
    EXPECT_NE(done.error().detail.find(word), std::string::npos) << word << " not in " << done.error().detail;
    EXPECT_EQ(files_of(folder_.path() + "/data"), Strings{"gatecast.db"}) << word;
    EXPECT_TRUE(stands(folder_.database(), "sid-a/user-a")) << word;
  };
  refused(folder_.path() + "/none.db", "none.db");
  refused(folder_.path() + "/data", "is no file");

  const std::string other = folder_.path() + "/other.db";
  std::ofstream(other) << std::string(8192, 'x');
  refused(other, "is no backup");
  std::filesystem::remove(other);
  {
    Database db = look_into(other);
    ASSERT_TRUE(db.exec("CREATE TABLE theirs (x)"));
  }
  refused(other, "is no backup of gatecast");
  std::ofstream(other, std::ios::trunc).close();
  refused(other, "is no backup of gatecast");

  std::filesystem::copy_file(copy_, other, std::filesystem::copy_options::overwrite_existing);
  {
    Database db = look_into(other);
    ASSERT_TRUE(db.run("UPDATE schema_version SET version = version + 1"));
  }
  refused(other, "use a newer gatecast");

  std::filesystem::copy_file(copy_, other, std::filesystem::copy_options::overwrite_existing);
  {
    std::fstream file(other, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3 * 2048);
    file << std::string(4 * 2048, '\xee');
  }
  refused(other, "other.db is ");
  std::filesystem::copy_file(copy_, other, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(other, std::filesystem::file_size(other) - 2048);
  refused(other, "other.db is ");

  for (const char* damage : {"PRAGMA ignore_check_constraints=ON; UPDATE sessions SET end_reason = 'none'",
                             "PRAGMA foreign_keys=OFF; DELETE FROM users"}) {
    std::filesystem::copy_file(copy_, other, std::filesystem::copy_options::overwrite_existing);
    {
      Database db = look_into(other);
      ASSERT_TRUE(db.exec(damage));
    }
    refused(other, "other.db is damaged");
  }

  std::filesystem::copy_file(copy_, other, std::filesystem::copy_options::overwrite_existing);
  std::ofstream(other + "-wal") << "a log";
  refused(other, "has a log beside it");
}

TEST_F(RestoreTest, ADamagedStoreIsReplacedAndKeptWithItsLog) {
  make_backup();
  std::ofstream(folder_.database(), std::ios::trunc) << std::string(8192, 'x');
  std::ofstream(folder_.database() + "-wal") << "the log";
  std::ofstream(folder_.database() + "-shm") << "its index";
  auto done = restore(copy_, folder_.database(), kRestored);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(files_of(folder_.path() + "/data"),
            (Strings{"gatecast.db", "gatecast.db.before-restore", "gatecast.db.before-restore-wal"}));
  EXPECT_TRUE(stands(folder_.database(), "sid-a/user-a"));
}

TEST_F(RestoreTest, ALogThatLostItsStoreIsNotTakenForTheNewOnes) {
  make_backup();
  auto store = open(folder_.database());
  sign_in(*store, "later");
  // As after a kill: the store's file is gone, its log is left.
  std::filesystem::copy_file(folder_.database() + "-wal", folder_.path() + "/log");
  store.reset();
  std::filesystem::remove(folder_.database());
  std::filesystem::copy_file(folder_.path() + "/log", folder_.database() + "-wal");
  auto done = restore(copy_, folder_.database(), kRestored);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_TRUE(stands(folder_.database(), "sid-a/user-a"));
  EXPECT_FALSE(stands(folder_.database(), "sid-later/user-later"));
}

TEST_F(RestoreTest, LeftoversOfADeadRestoreAreInNobodysWay) {
  make_backup();
  for (const char* suffix : {"", "-wal", "-shm"}) std::ofstream(folder_.database() + ".restoring" + suffix) << "half";
  ASSERT_TRUE(restore(copy_, folder_.database(), kRestored).has_value());
  EXPECT_EQ(files_of(folder_.path() + "/data"), (Strings{"gatecast.db", "gatecast.db.before-restore"}));
}

#ifdef GATECAST_FAILPOINTS
class RestoreCrashTest : public RestoreTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(RestoreCrashTest, LeavesTheOldStoreOrTheNewOne) {
  make_backup();
  {
    auto store = open(folder_.database());
    sign_in(*store, "later");
  }
  // The child begins this test anew, in a folder of its own, and is told of this one; the places are those of the
  // process that reads them first.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  setenv("GATECAST_FAILPOINT_KILL", GetParam(), 1);
  setenv("RESTORE_FROM", copy_.c_str(), 0);
  setenv("RESTORE_TO", folder_.database().c_str(), 0);
  EXPECT_EXIT(
      {
        std::filesystem::remove_all(folder_.path());
        static_cast<void>(restore(getenv("RESTORE_FROM"), getenv("RESTORE_TO"), kRestored).has_value());
      },
      ::testing::KilledBySignal(SIGKILL), "");
  for (const char* name : {"GATECAST_FAILPOINT_KILL", "RESTORE_FROM", "RESTORE_TO"}) unsetenv(name);

  const bool replaced = GetParam() == std::string_view("restore.renamed");
  EXPECT_EQ(stands(folder_.database(), "sid-later/user-later"), !replaced);
  EXPECT_TRUE(stands(folder_.database(), "sid-a/user-a"));
  if (replaced) EXPECT_TRUE(stands(folder_.database() + ".before-restore", "sid-later/user-later"));
  auto again = restore(copy_, folder_.database(), kRestored);
  ASSERT_TRUE(again.has_value()) << again.error().detail;
  EXPECT_FALSE(stands(folder_.database(), "sid-later/user-later"));
}

INSTANTIATE_TEST_SUITE_P(At, RestoreCrashTest,
                         ::testing::Values("restore.settled", "restore.before_rename", "restore.renamed"),
                         [](const auto& place) { return std::string(place.param).substr(8); });
#endif

TEST_F(RestoreTest, ABackupOfAnOlderProgramIsBroughtUpToDate) {
  {
    Database db = look_into(copy_);
    ASSERT_TRUE(migrate(db, copy_, migrations().first(2)));
    ASSERT_TRUE(
        db.exec("INSERT INTO users VALUES ('u', '', '', 0, 0, 0, 'r', NULL, 0, 5);"
                "INSERT INTO identities VALUES ('i', 'u', 'solana', 'wallet', 5)"));
    ASSERT_TRUE(db.exec("PRAGMA journal_mode=DELETE"));
  }
  auto done = restore(copy_, folder_.database(), kRestored);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  auto store = open(folder_.database());
  auto view = loop_.run(store->user("u"));
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->user.claims, "{}");
  ASSERT_EQ(view->identities.size(), 1U);
  EXPECT_EQ(view->identities[0].profile, "{}");
  Database db = look_into(copy_);
  EXPECT_EQ(first_value(db, "SELECT version FROM schema_version"), "2") << "the backup's file is only read";
}

}  // namespace
}  // namespace gatecast::sqlite
