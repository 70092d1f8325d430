// Every error path: the 1st, 2nd, 3rd… I/O fails until all works, and after each failure the file is opened anew and
// must be whole and hold every answer that was given.

#include <gtest/gtest.h>

#include "adapters/sqlite/faulty_vfs.hpp"
#include "adapters/sqlite/sqlite_place.hpp"

namespace gatecast::sqlite {
namespace {

using store::kContractStart;
using store::make_sign_in;

/// What the store answered with success.
struct Acknowledged {
  std::vector<std::string> sids;
  std::string ended;    // sid
  std::string renewed;  // sid
  bool touched = false;
  bool upserted = false;
  bool linked = false;
  bool blocked = false;
  int failures = 0;
};

class IoFaultTest : public ::testing::TestWithParam<Fault> {
 protected:
  template <class T>
  bool good(const Result<T>& result) {
    if (result) return true;
    ++acknowledged_.failures;
    EXPECT_EQ(result.error().code, Errc::store_failed);
    EXPECT_NE(result.error().detail.find("gatecast.db"), std::string::npos) << result.error().detail;
    return false;
  }
  bool sign_in(store::Store& store, const std::string& tag) {
    auto done = loop_.run(store.sign_in(make_sign_in("wallet-" + tag, tag)));
    if (good(done)) acknowledged_.sids.push_back(done->session.sid);
    return done.has_value();
  }

  /// The user of "c", who may not be there: then nothing is acknowledged.
  void change_users(store::Store& store) {
    store::UserChange change{.id = "upserted"};
    change.identities = {{.id = "i", .user_id = {}, .kind = "solana", .subject = "upserted"}};
    auto upserted = loop_.run(store.upsert_users({change}, kContractStart, false));
    acknowledged_.upserted = good(upserted) && upserted->front().ok;
    if (acknowledged_.sids.empty() || acknowledged_.sids.back() != "sid-c/user-c") return;
    const store::IdentityRow identity{.id = "j", .user_id = "user-c", .kind = "ethereum", .subject = "linked"};
    acknowledged_.linked = good(loop_.run(store.link({.identity = identity})));
    acknowledged_.blocked = good(loop_.run(store.block_user("user-c", true, kContractStart, "", "")));
  }
  void expect_users(store::Store& store) {
    if (acknowledged_.upserted) {
      EXPECT_EQ(loop_.run(store.user_of("solana", "upserted"))->user.id, "upserted");
    }
    if (acknowledged_.linked) EXPECT_EQ(loop_.run(store.user_of("ethereum", "linked"))->user.id, "user-c");
    if (acknowledged_.blocked) EXPECT_TRUE(loop_.run(store.user("user-c"))->user.blocked);
  }

  /// The session of "b", to its second generation, unless it is the one that was ended.
  void renew(store::Store& store) {
    const std::string sid = "sid-b/user-b";
    const auto& sids = acknowledged_.sids;
    if (std::find(sids.begin(), sids.end(), sid) == sids.end() || sids.front() == sid) return;
    store::Renewal request{.sid = sid, .secret_hash = "secret of b", .ip = "192.0.2.5"};
    request.decide = [](const store::RotationRow& row, WallTime) {
      return store::RotationDecision{.kind = store::RotationDecision::Kind::rotate,
                                     .gen = row.gen + 1,
                                     .kept_gen = row.gen,
                                     .expires_at = kContractStart + std::chrono::days(40)};
    };
    if (good(loop_.run(store.renew(std::move(request))))) acknowledged_.renewed = sid;
    good(loop_.run(store.keep({{sid, 2}})));
  }

  void use(store::Store& store) {
    for (const char* tag : {"a", "b", "c"}) sign_in(store, tag);
    for (const auto& sid : acknowledged_.sids) good(loop_.run(store.session(sid)));
    if (!acknowledged_.sids.empty()) {
      const std::string& first = acknowledged_.sids.front();
      acknowledged_.touched = good(loop_.run(store.touch({{first, kContractStart + std::chrono::hours(1)}})));
      if (good(loop_.run(store.end_session(first, Errc::signed_out, kContractStart, "")))) acknowledged_.ended = first;
    }
    renew(store);
    change_users(store);
    good(loop_.run(store.control_log(0, 10)));
    good(loop_.run(store.ended_since(kContractStart)));
    good(loop_.run(store.audit({{.at = kContractStart, .kind = "refusal"}})));
    good(loop_.run(store.prune(kContractStart, kContractStart, kContractStart)));
    good(loop_.run(store.ping()));
  }

  /// One life of a store on a disk that fails; false: the n-th I/O was never reached.
  bool live_through(long nth, const TestFolder& folder) {
    acknowledged_ = {};
    FaultyDisk& disk = faulty_disk();
    disk.arm(GetParam(), nth);
    auto opened = SqliteStore::open(folder.database(), {.vfs = "faulty"});
    if (!opened) {
      EXPECT_EQ(opened.error().code, Errc::store_failed);
      disk.repair();
      return true;
    }
    use(**opened);
    const long failures = disk.failures();
    // Every second time the disk stays as it is until the process ends.
    if (nth % 2 == 0) {
      disk.repair();
      EXPECT_TRUE(sign_in(**opened, "after")) << "a repaired disk must need no restart";
    }
    opened->reset();
    const bool met = failures > 0 || disk.failures() > 0;
    disk.repair();
    return met;
  }

  void expect_whole(const TestFolder& folder) {
    {
      auto store = SqliteStore::open(folder.database());
      ASSERT_TRUE(store.has_value()) << store.error().detail;
      for (const auto& sid : acknowledged_.sids) {
        auto view = loop_.run((*store)->session(sid));
        ASSERT_TRUE(view.has_value()) << sid << " was acknowledged and is gone";
        if (sid == acknowledged_.ended) EXPECT_EQ(view->session.end_reason, Errc::signed_out);
        if (sid == acknowledged_.renewed) EXPECT_EQ(view->session.gen, 2U);
      }
      if (acknowledged_.touched) {
        auto view = loop_.run((*store)->session(acknowledged_.sids.front()));
        EXPECT_GT(view->session.last_seen_at, kContractStart);
      }
      expect_users(**store);
    }
    Database db = look_into(folder.database());
    EXPECT_EQ(first_value(db, "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(first_value(db, "SELECT count(*) FROM pragma_foreign_key_check"), "0");
    const std::string sessions = first_value(db, "SELECT count(*) FROM sessions");
    EXPECT_EQ(first_value(db, "SELECT count(*) FROM used_nonces"), sessions);
    EXPECT_EQ(first_value(db, "SELECT count(*) FROM users"),
              first_value(db, "SELECT count(*) FROM audit WHERE kind = 'user_created'"));
    EXPECT_EQ(first_value(db,
                          "SELECT count(*) FROM users u JOIN sessions s ON s.user_id = u.id"
                          " WHERE u.blocked AND s.ended_at IS NULL"),
              "0");
    EXPECT_EQ(first_value(db, "SELECT count(*) FROM audit WHERE kind = 'signin'"), sessions);
    EXPECT_EQ(first_value(db, "SELECT count(*) FROM control_log"),
              first_value(db, "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL"));
  }

  ManualClock clock_;
  ManualLoop loop_{clock_};
  Acknowledged acknowledged_;
};

TEST_P(IoFaultTest, EveryFailureLeavesAWholeFileWithEveryAnswer) {
  long nth = 1;
  int lives_with_refusals = 0;
  for (;; ++nth) {
    SCOPED_TRACE(nth);
    TestFolder folder;
    const bool met = live_through(nth, folder);
    expect_whole(folder);
    lives_with_refusals += acknowledged_.failures > 0 ? 1 : 0;
    if (!met || HasFailure()) break;
  }
  EXPECT_EQ(acknowledged_.failures, 0);
  // The faults did reach the operations, and not only the opening.
  EXPECT_GT(nth, 40);
  EXPECT_GT(lives_with_refusals, 10);
}

INSTANTIATE_TEST_SUITE_P(
    Disk, IoFaultTest, ::testing::Values(Fault::once, Fault::broken, Fault::disk_full), [](const auto& fault) {
      return std::string(fault.param == Fault::once ? "FailsOnce" : fault.param == Fault::broken ? "Breaks" : "IsFull");
    });

class DiskTest : public IoFaultTest {};

TEST_F(DiskTest, AFullDiskRefusesWritesAndStillReads) {
  TestFolder folder;
  FaultyDisk& disk = faulty_disk();
  disk.repair();
  auto opened = SqliteStore::open(folder.database(), {.vfs = "faulty"});
  ASSERT_TRUE(opened.has_value());
  auto& store = **opened;
  ASSERT_TRUE(sign_in(store, "a"));
  disk.arm(Fault::disk_full, 1);
  auto refused = loop_.run(store.sign_in(make_sign_in("wallet", "b")));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::store_failed);
  EXPECT_NE(refused.error().detail.find("(13)"), std::string::npos) << refused.error().detail;
  EXPECT_TRUE(loop_.run(store.session(acknowledged_.sids.front())).has_value());
  disk.repair();
  EXPECT_TRUE(sign_in(store, "b"));
  EXPECT_EQ(store.stats().failed_commits, 1U);
}

TEST_F(DiskTest, AnAnswerFollowsTheFlushOfItsCommit) {
  TestFolder folder;
  FaultyDisk& disk = faulty_disk();
  disk.repair();
  auto opened = SqliteStore::open(folder.database(), {.vfs = "faulty"});
  ASSERT_TRUE(opened.has_value());
  disk.wrote_log();  // so that zero means a flush, and not that nothing was counted
  ASSERT_TRUE(sign_in(**opened, "a"));
  EXPECT_EQ(disk.unflushed(), 0);
  disk.wrote_log();
  ASSERT_TRUE(loop_.run((*opened)->end_session("sid-a/user-a", Errc::signed_out, kContractStart, "")));
  EXPECT_EQ(disk.unflushed(), 0);
}

TEST_F(DiskTest, ACommitThatFailsRefusesItsWholeGroup) {
  TestFolder folder;
  FaultyDisk& disk = faulty_disk();
  disk.repair();
  auto opened = SqliteStore::open(folder.database(), {.group_work = std::chrono::seconds(60), .vfs = "faulty"});
  ASSERT_TRUE(opened.has_value());
  auto& store = **opened;
  std::vector<Task<Result<store::SignedIn>>> tasks;
  for (int i = 0; i < 30; ++i) {
    store::SignIn request = make_sign_in("wallet", std::to_string(i));
    if (i == 0) {
      // The first holds the writer until all wait, then the disk breaks: the commit of all of them is lost.
      request.sid_for = [&store, &disk](std::string_view) {
        while (store.stats().write_queue < 29) std::this_thread::yield();
        disk.arm(Fault::broken, 1);
        return std::string("sid");
      };
    }
    tasks.push_back(store.sign_in(std::move(request)));
  }
  for (const auto& result : loop_.run(store::gather(std::move(tasks)))) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Errc::store_failed);
  }
  EXPECT_EQ(store.stats().failed_commits, 1U);
  EXPECT_EQ(store.stats().commits, 0U);
  disk.repair();
  EXPECT_EQ(loop_.run(store.session("sid")).error().code, Errc::session_unknown);
  EXPECT_TRUE(sign_in(store, "again"));
}

}  // namespace
}  // namespace gatecast::sqlite
