#include "adapters/sqlite/group_commit.hpp"

#include <gtest/gtest.h>

#include "adapters/sqlite/sqlite_place.hpp"

namespace gatecast::sqlite {
namespace {

using Answers = std::vector<Result<void>>;

Task<Result<void>> insert(OperationQueue& queue, const char* sql) {
  co_return co_await submit<void>(queue, [sql](Database& db) -> Result<void> {
    auto done = db.run(sql);
    return done ? Result<void>{} : Result<void>{done.error()};
  });
}

class GroupCommitTest : public ::testing::Test {
 protected:
  GroupCommitTest() {
    Database db = look_into(path_);
    // No more than 20 pages: a file that is full, without a disk that is.
    EXPECT_TRUE(db.exec("CREATE TABLE t (x NOT NULL UNIQUE); PRAGMA max_page_count=20"));
    group_.emplace(std::move(db), 256, std::chrono::seconds(60));
  }
  /// One group of these statements.
  Answers commit(std::vector<const char*> statements) {
    std::vector<Task<Result<void>>> tasks;
    for (const char* sql : statements) tasks.push_back(insert(queue_, sql));
    std::optional<Answers> answers;
    spawn(keep(store::gather(std::move(tasks)), answers));
    group_->run(queue_.wait_pop(), queue_);
    loop_.run_until_idle();
    EXPECT_TRUE(answers.has_value());
    return answers.value_or(Answers{});
  }
  static Task<void> keep(Task<Answers> task, std::optional<Answers>& out) { out.emplace(co_await std::move(task)); }
  std::string rows() {
    Database db = look_into(path_);
    return first_value(db, "SELECT coalesce(group_concat(x), '') FROM t");
  }

  TestFolder folder_;
  std::string path_ = folder_.path() + "/t.db";
  ManualClock clock_;
  ManualLoop loop_{clock_};
  OperationQueue queue_{100};
  std::optional<GroupCommit> group_;
};

constexpr const char* kOne = "INSERT INTO t VALUES (1)";
constexpr const char* kTwo = "INSERT INTO t VALUES (2)";
constexpr const char* kHuge = "INSERT INTO t VALUES (zeroblob(1000000))";
// Of several rows: SQLite undoes the statement alone and leaves the transaction open.
constexpr const char* kManyHuge =
    "INSERT INTO t SELECT zeroblob(column1) FROM (VALUES (20000), (20001), (20002), (20003))";

TEST_F(GroupCommitTest, CommitsWhatWaits) {
  for (const auto& answer : commit({kOne, kTwo})) EXPECT_TRUE(answer.has_value());
  EXPECT_EQ(rows(), "1,2");
  EXPECT_EQ(group_->figures().commits, 1U);
  EXPECT_EQ(group_->figures().operations, 2U);
}

TEST_F(GroupCommitTest, AConstraintUndoesItsOperationAlone) {
  Answers answers = commit({kOne, kOne, kTwo});
  EXPECT_TRUE(answers[0].has_value());
  EXPECT_FALSE(answers[1].has_value());
  EXPECT_TRUE(answers[2].has_value());
  EXPECT_EQ(rows(), "1,2");
}

TEST_F(GroupCommitTest, ARefusalAfterWritingLeavesNothingAndCostsTheOthersNothing) {
  int runs = 0;
  const auto writes_then_refuses = [](OperationQueue& queue, int& count) -> Task<Result<void>> {
    co_return co_await submit<void>(queue, [&count](Database& db) -> Result<void> {
      ++count;
      if (auto done = db.run("INSERT INTO t VALUES (9)"); !done) return done.error();
      return fail(Errc::not_found);
    });
  };
  std::vector<Task<Result<void>>> tasks;
  tasks.push_back(insert(queue_, kOne));
  tasks.push_back(writes_then_refuses(queue_, runs));
  tasks.push_back(insert(queue_, kTwo));
  tasks.push_back(writes_then_refuses(queue_, runs));
  std::optional<Answers> answers;
  spawn(keep(store::gather(std::move(tasks)), answers));
  group_->run(queue_.wait_pop(), queue_);
  loop_.run_until_idle();
  ASSERT_TRUE(answers.has_value());
  EXPECT_TRUE((*answers)[0].has_value());
  EXPECT_EQ((*answers)[1].error().code, Errc::not_found);
  EXPECT_TRUE((*answers)[2].has_value());
  EXPECT_EQ((*answers)[3].error().code, Errc::not_found);
  EXPECT_EQ(rows(), "1,2");
  EXPECT_EQ(group_->figures().commits, 1U);
  EXPECT_EQ(runs, 3) << "the first twice, then each operation in a savepoint of its own";
}

TEST_F(GroupCommitTest, AFullFileRefusesItsGroupAndNoOther) {
  for (const char* full : {kHuge, kManyHuge}) {
    for (const auto& answer : commit({kOne, full})) {
      ASSERT_FALSE(answer.has_value()) << full;
      EXPECT_EQ(answer.error().code, Errc::store_failed);
      EXPECT_NE(answer.error().detail.find("(13)"), std::string::npos) << answer.error().detail;
    }
    EXPECT_EQ(rows(), "") << full;
  }
  EXPECT_TRUE(commit({kTwo})[0].has_value());
  EXPECT_EQ(rows(), "2");
  EXPECT_EQ(group_->figures().failed_commits, 2U);
}

TEST_F(GroupCommitTest, WhatComesAfterALostOperationWaitsForTheNextGroup) {
  std::vector<Task<Result<void>>> tasks;
  for (const char* sql : {kOne, kManyHuge, kTwo}) tasks.push_back(insert(queue_, sql));
  std::optional<Answers> answers;
  spawn(keep(store::gather(std::move(tasks)), answers));
  group_->run(queue_.wait_pop(), queue_);
  EXPECT_EQ(queue_.size(), 1U);
  group_->run(queue_.wait_pop(), queue_);
  loop_.run_until_idle();
  ASSERT_TRUE(answers.has_value());
  EXPECT_FALSE((*answers)[0].has_value());
  EXPECT_FALSE((*answers)[1].has_value());
  EXPECT_TRUE((*answers)[2].has_value());
  EXPECT_EQ(rows(), "2");
}

}  // namespace
}  // namespace gatecast::sqlite
