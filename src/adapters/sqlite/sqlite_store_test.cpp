#include "adapters/sqlite/sqlite_store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <future>

#include "adapters/sqlite/operations.hpp"
#include "adapters/sqlite/schema.hpp"
#include "adapters/sqlite/sqlite_place.hpp"

namespace gatecast::sqlite {
namespace {

using store::make_sign_in;
using store::SignedIn;
using store::SignIn;

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteStore> open(const Options& options = {}) {
    auto opened = SqliteStore::open(folder_.database(), options);
    EXPECT_TRUE(opened.has_value()) << opened.error().detail;
    return opened ? std::move(*opened) : nullptr;
  }
  Error refused_open() {
    auto opened = SqliteStore::open(folder_.database());
    EXPECT_FALSE(opened.has_value());
    return opened ? Error{Errc::internal} : opened.error();
  }
  static unsigned mode_of(const std::string& path) {
    struct stat found{};
    return stat(path.c_str(), &found) == 0 ? found.st_mode & 0777U : 0;
  }

  TestFolder folder_;
  ManualClock clock_;
  ManualLoop loop_{clock_};
};

/// A sign-in that keeps the writer in its transaction until `go` is ready.
SignIn blocking_sign_in(std::promise<void>& reached, std::shared_future<void> go) {
  SignIn request = make_sign_in("blocking", "blocking");
  request.sid_for = [&reached, go](std::string_view) {
    reached.set_value();
    go.wait();
    return std::string("sid-blocking");
  };
  return request;
}

TEST_F(SqliteStoreTest, WhatIsQueuedTogetherIsCommittedTogether) {
  auto store = open();
  std::promise<void> reached;
  std::promise<void> go;
  std::vector<Task<Result<SignedIn>>> tasks;
  tasks.push_back(store->sign_in(blocking_sign_in(reached, go.get_future().share())));
  for (int i = 0; i < 500; ++i) {
    tasks.push_back(store->sign_in(make_sign_in("wallet-" + std::to_string(i), std::to_string(i))));
  }
  // The writer is held until all wait; then 500 operations of at most 256 each, or of 5 ms of this machine's work.
  std::jthread release([&] {
    reached.get_future().wait();
    while (store->stats().write_queue < 500) std::this_thread::yield();
    go.set_value();
  });
  for (const auto& result : loop_.run(store::gather(std::move(tasks)))) EXPECT_TRUE(result.has_value());
  const Stats stats = store->stats();
  EXPECT_EQ(stats.writes, 501U);
  EXPECT_LE(stats.commits, 501U / 4);
  EXPECT_GE(stats.group_ops_max, 4U);
  EXPECT_LE(stats.group_ops_max, 256U);
  EXPECT_EQ(stats.failed_commits, 0U);
  RecordProperty("commits", static_cast<int>(stats.commits));
}

TEST_F(SqliteStoreTest, AGroupHoldsNoMoreThanItsBound) {
  auto store = open({.group_ops = 10, .group_work = std::chrono::seconds(60)});
  std::promise<void> reached;
  std::promise<void> go;
  std::vector<Task<Result<SignedIn>>> tasks;
  tasks.push_back(store->sign_in(blocking_sign_in(reached, go.get_future().share())));
  for (int i = 0; i < 99; ++i) tasks.push_back(store->sign_in(make_sign_in("wallet", std::to_string(i))));
  std::jthread release([&] {
    reached.get_future().wait();
    while (store->stats().write_queue < 99) std::this_thread::yield();
    go.set_value();
  });
  for (const auto& result : loop_.run(store::gather(std::move(tasks)))) EXPECT_TRUE(result.has_value());
  EXPECT_EQ(store->stats().group_ops_max, 10U);
  EXPECT_EQ(store->stats().commits, 10U);
}

TEST_F(SqliteStoreTest, AFullQueueRefusesAtOnce) {
  auto store = open({.queue_ops = 3});
  std::promise<void> reached;
  std::promise<void> go;
  std::vector<Task<Result<SignedIn>>> tasks;
  std::optional<Result<SignedIn>> first;
  spawn([](SqliteStore& s, SignIn request, std::optional<Result<SignedIn>>& out) -> Task<void> {
    out.emplace(co_await s.sign_in(std::move(request)));
  }(*store, blocking_sign_in(reached, go.get_future().share()), first));
  reached.get_future().wait();
  for (int i = 0; i < 5; ++i) tasks.push_back(store->sign_in(make_sign_in("wallet", std::to_string(i))));
  std::jthread release([&] {
    while (store->stats().refused < 2) std::this_thread::yield();
    go.set_value();
  });
  auto results = loop_.run(store::gather(std::move(tasks)));
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(results[i].has_value(), i < 3) << i;
    if (!results[i]) EXPECT_EQ(results[i].error().code, Errc::overloaded);
  }
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->has_value());
  EXPECT_EQ(store->stats().refused, 2U);
}

TEST_F(SqliteStoreTest, StopFinishesWhatIsQueuedAndRefusesWhatComes) {
  auto store = open();
  std::promise<void> reached;
  std::promise<void> go;
  std::vector<Task<Result<SignedIn>>> tasks;
  tasks.push_back(store->sign_in(blocking_sign_in(reached, go.get_future().share())));
  for (int i = 0; i < 20; ++i) tasks.push_back(store->sign_in(make_sign_in("wallet", std::to_string(i))));
  std::jthread stopper([&] {
    reached.get_future().wait();
    while (store->stats().write_queue < 20) std::this_thread::yield();
    go.set_value();
    store->stop();
  });
  for (const auto& result : loop_.run(store::gather(std::move(tasks)))) EXPECT_TRUE(result.has_value());
  stopper.join();
  EXPECT_EQ(loop_.run(store->sign_in(make_sign_in("wallet", "late"))).error().code, Errc::cancelled);
  EXPECT_EQ(loop_.run(store->session("sid")).error().code, Errc::cancelled);
  EXPECT_EQ(loop_.run(store->ping()).error().code, Errc::cancelled);
  store->stop();
}

TEST_F(SqliteStoreTest, FilesAreForThisUserAlone) {
  auto store = open();
  ASSERT_TRUE(loop_.run(store->sign_in(make_sign_in("wallet", "a"))));
  EXPECT_EQ(mode_of(folder_.path() + "/data"), 0700U);
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode_of(folder_.database() + suffix), 0600U) << suffix;
  store.reset();
  std::filesystem::permissions(folder_.database(), std::filesystem::perms{0644});
  store = open();
  EXPECT_EQ(mode_of(folder_.database()), 0600U);
}

TEST_F(SqliteStoreTest, ADatabaseHeldByAnotherProgramFailsAndRecovers) {
  auto store = open({.busy_timeout = std::chrono::milliseconds(1)});
  Database other = look_into(folder_.database());
  ASSERT_TRUE(other.exec("BEGIN IMMEDIATE"));
  Result<SignedIn> refused = loop_.run(store->sign_in(make_sign_in("wallet", "a")));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::store_failed);
  EXPECT_NE(refused.error().detail.find("(5)"), std::string::npos) << refused.error().detail;
  EXPECT_NE(refused.error().detail.find(folder_.database()), std::string::npos) << refused.error().detail;
  ASSERT_TRUE(other.exec("ROLLBACK"));
  EXPECT_TRUE(loop_.run(store->sign_in(make_sign_in("wallet", "a"))));
  EXPECT_EQ(store->stats().failed_commits, 1U);
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefusedByName) {
  open();
  {
    Database db = look_into(folder_.database());
    ASSERT_TRUE(db.run("UPDATE schema_version SET version = version + 1"));
  }
  const Error refused = refused_open();
  EXPECT_EQ(refused.code, Errc::store_failed);
  const auto known = migrations().size();
  EXPECT_NE(refused.detail.find(fmt::format("schema version {}", known + 1)), std::string::npos) << refused.detail;
  EXPECT_NE(refused.detail.find(fmt::format("up to {}", known)), std::string::npos) << refused.detail;
}

TEST_F(SqliteStoreTest, AnotherProgramsDatabaseIsLeftAlone) {
  std::filesystem::create_directory(folder_.path() + "/data");
  {
    Database db = look_into(folder_.database());
    ASSERT_TRUE(db.exec("CREATE TABLE theirs (x)"));
  }
  const Error refused = refused_open();
  EXPECT_NE(refused.detail.find("another program"), std::string::npos) << refused.detail;
  Database db = look_into(folder_.database());
  EXPECT_EQ(first_value(db, "SELECT count(*) FROM sqlite_schema"), "1");
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefused) {
  std::filesystem::create_directory(folder_.path() + "/data");
  std::ofstream(folder_.database()) << std::string(8192, 'x');
  const Error refused = refused_open();
  EXPECT_EQ(refused.code, Errc::store_failed);
  EXPECT_NE(refused.detail.find("(26)"), std::string::npos) << refused.detail;
}

TEST_F(SqliteStoreTest, AFolderThatCannotBeMadeIsNamed) {
  std::ofstream(folder_.path() + "/data") << "a file";
  EXPECT_NE(refused_open().detail.find(folder_.path() + "/data"), std::string::npos);
}

TEST_F(SqliteStoreTest, AReasonOfANewerProgramStaysAnEnding) {
  auto store = open();
  const std::string sid = loop_.run(store->sign_in(make_sign_in("wallet", "a")))->session.sid;
  ASSERT_TRUE(loop_.run(store->end_session(sid, Errc::signed_out, store::kContractStart, "")));
  Database db = look_into(folder_.database());
  ASSERT_TRUE(db.run("UPDATE sessions SET end_reason = 'of_the_future'"));
  ASSERT_TRUE(db.run("UPDATE control_log SET reason = 'of_the_future'"));
  EXPECT_EQ(loop_.run(store->session(sid))->session.end_reason, Errc::ended_by_operator);
  EXPECT_EQ(loop_.run(store->control_log(0, 10))->at(0).reason, Errc::ended_by_operator);
}

TEST_F(SqliteStoreTest, SessionsFromBeforeRenewalLiveOnAndCannotRenew) {
  std::filesystem::create_directory(folder_.path() + "/data");
  {
    Database db = look_into(folder_.database());
    ASSERT_TRUE(migrate(db, folder_.database(), migrations().first(1)));
    ASSERT_TRUE(
        db.exec("INSERT INTO users VALUES ('u', '', '', 0, 0, 0, 'r', NULL, 0, 5);"
                "INSERT INTO sessions VALUES ('sid', 'u', 'i', 'solana', '192.0.2.1', '', 5, 5, 7000, 1, NULL,"
                " NULL)"));
  }
  auto store = open();
  auto view = loop_.run(store->session("sid"));
  ASSERT_TRUE(view.has_value()) << view.error().detail;
  EXPECT_EQ(view->session.expires_at, from_unix_ms(7000));
  EXPECT_EQ(view->session.absolute_expires_at, from_unix_ms(7000));
  EXPECT_FALSE(view->session.ended_at.has_value());
  store::Renewal request{
      .sid = "sid", .secret_hash = "", .decide = [](const auto&, WallTime) { return store::RotationDecision{}; }};
  EXPECT_EQ(loop_.run(store->renew(request)).error().code, Errc::refresh_invalid);
  EXPECT_EQ(loop_.run(store->end_sessions("u", "", Errc::signed_out, from_unix_ms(6000), ""))->size(), 1U);
}

TEST_F(SqliteStoreTest, ADeletionForgetsWhatWasWrittenWhileTheLogWasRead) {
  auto store = open();
  ASSERT_TRUE(loop_.run(store->sign_in(make_sign_in("wallet", "a"))));
  ASSERT_TRUE(loop_.run(store->sign_in(make_sign_in("other", "b"))));
  const auto rows = *loop_.run(store->audit_log({}));
  store.reset();
  Database db = look_into(folder_.database());
  // As if the reading had come to the first row, and the second came after it.
  ASSERT_TRUE(delete_user(db, "user-a", rows[0].seq, store::kContractStart, "").has_value());
  EXPECT_EQ(first_value(db, "SELECT group_concat(ip, '|') FROM audit WHERE user_id = 'user-a' AND kind <> 'operator'"),
            "192.0.2.1||");
  EXPECT_EQ(first_value(db, "SELECT count(*) FROM audit WHERE user_id = 'user-b' AND ip <> ''"), "2");
}

TEST_F(SqliteStoreTest, AUserIsDeletedWithoutReadingWholeTables) {
  open();
  Database db = look_into(folder_.database());
  for (const char* sql : {"SELECT 1 FROM sessions WHERE user_id = 'u'", "SELECT 1 FROM identities WHERE user_id = 'u'",
                          "SELECT 1 FROM users WHERE referrer = 'u'"}) {
    Query plan = db.select(std::string("EXPLAIN QUERY PLAN ") + sql);
    ASSERT_TRUE(plan.next().value_or(false));
    EXPECT_NE(plan.text(3).find("USING COVERING INDEX"), std::string::npos) << plan.text(3);
  }
}

TEST_F(SqliteStoreTest, MigrationsRunOnceInOrderAndAllOrNone) {
  std::filesystem::create_directory(folder_.path() + "/data");
  Database db = look_into(folder_.database());
  const char* one[] = {"CREATE TABLE a (x); INSERT INTO a VALUES (1)"};
  const char* broken[] = {one[0], "CREATE TABLE b (x)", "CREATE TABLE b (x)"};
  const char* good[] = {one[0], "ALTER TABLE a ADD COLUMN y", "UPDATE a SET y = x + 1"};
  ASSERT_TRUE(migrate(db, folder_.database(), one));
  ASSERT_TRUE(migrate(db, folder_.database(), one));
  EXPECT_EQ(first_value(db, "SELECT count(*) FROM a"), "1");
  EXPECT_FALSE(migrate(db, folder_.database(), broken));
  EXPECT_FALSE(db.in_transaction());
  EXPECT_EQ(first_value(db, "SELECT version FROM schema_version"), "1");
  EXPECT_EQ(first_value(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), "0");
  ASSERT_TRUE(migrate(db, folder_.database(), good));
  EXPECT_EQ(first_value(db, "SELECT version FROM schema_version"), "3");
  EXPECT_EQ(first_value(db, "SELECT y FROM a"), "2");
  EXPECT_FALSE(migrate(db, folder_.database(), one));
}

}  // namespace
}  // namespace gatecast::sqlite
