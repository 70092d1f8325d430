#include "session/control_reader.hpp"

#include <gtest/gtest.h>

#include "core/manual_loop.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

/// A control log that rows can be put into in any order, as writers that commit at different speeds do.
class LogStore final : public store::Store {
 public:
  Task<Result<std::vector<store::ControlRow>>> control_log(std::uint64_t after, std::uint32_t limit) override {
    ++queries;
    if (gone || queries == fail_at) co_return fail(Errc::store_failed, "gone");
    std::vector<store::ControlRow> out;
    for (auto at = rows.upper_bound(after); at != rows.end() && out.size() < limit; ++at) out.push_back(at->second);
    co_return out;
  }
  void put(std::uint64_t seq) { rows[seq] = {.seq = seq, .kind = "session_ended", .subject = std::to_string(seq)}; }

  Task<Result<store::SignedIn>> sign_in(store::SignIn) override { co_return Errc::internal; }
  Task<Result<store::Renewed>> renew(store::Renewal) override { co_return Errc::internal; }
  Task<Result<void>> keep(std::vector<std::pair<std::string, std::uint64_t>>) override { co_return Result<void>{}; }
  Task<Result<std::vector<store::SessionRow>>> sessions_of(std::string, WallTime) override { co_return Errc::internal; }
  Task<Result<std::vector<store::SessionRow>>> end_sessions(std::string, std::string, Errc, WallTime,
                                                            std::string) override {
    co_return Errc::internal;
  }
  Task<Result<store::SessionView>> session(std::string) override { co_return Errc::internal; }
  Task<Result<store::Ended>> end_session(std::string, Errc, WallTime, std::string) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::ControlRow>>> ended_since(WallTime) override { co_return Errc::internal; }
  Task<Result<void>> touch(std::vector<std::pair<std::string, WallTime>>) override { co_return Result<void>{}; }
  Task<Result<void>> audit(std::vector<store::AuditRow>) override { co_return Result<void>{}; }
  Task<Result<std::uint64_t>> prune(WallTime, WallTime, WallTime) override { co_return std::uint64_t{0}; }
  Task<Result<void>> consume(std::string, WallTime) override { co_return Result<void>{}; }
  Task<Result<store::Linked>> link(store::Link) override { co_return Errc::internal; }
  Task<Result<store::Unlinked>> unlink(std::string, std::string, WallTime, std::string) override {
    co_return Errc::internal;
  }
  Task<Result<store::UserView>> user(std::string) override { co_return Errc::internal; }
  Task<Result<store::UserView>> user_of(std::string, std::string) override { co_return Errc::internal; }
  Task<Result<std::vector<store::UserChanged>>> upsert_users(std::vector<store::UserChange>, WallTime, bool) override {
    co_return Errc::internal;
  }
  Task<Result<store::Blocked>> block_user(std::string, bool, WallTime, std::string, std::string) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::SessionRow>>> delete_user(std::string, WallTime, std::string) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::UserView>>> users(std::string, std::uint32_t) override { co_return Errc::internal; }
  Task<Result<std::vector<store::AuditRow>>> audit_log(store::AuditQuery) override { co_return Errc::internal; }
  Task<Result<store::GrantAdded>> add_grant(store::GrantAdd) override { co_return Errc::internal; }
  Task<Result<store::GrantsRemoved>> remove_grants(store::GrantRemove) override { co_return Errc::internal; }
  Task<Result<std::vector<store::UserGrants>>> grants_of(std::vector<std::string>) override {
    co_return Errc::internal;
  }
  Task<Result<store::GrantsSwept>> sweep_grants(std::uint32_t, store::GrantsLanded) override {
    co_return Errc::internal;
  }
  Task<Result<std::vector<store::Notified>>> notify(store::Notify) override { co_return Errc::internal; }
  Task<Result<store::NotificationPage>> notifications(store::NotificationQuery) override { co_return Errc::internal; }
  Task<Result<store::NotificationsChanged>> read_notifications(std::string, store::NotificationChoice,
                                                               WallTime) override {
    co_return Errc::internal;
  }
  Task<Result<store::NotificationsChanged>> remove_notifications(std::string, store::NotificationChoice) override {
    co_return Errc::internal;
  }
  Task<Result<std::uint64_t>> prune_notifications(WallTime, std::uint32_t) override { co_return Errc::internal; }
  Task<Result<std::uint64_t>> position(std::string) override { co_return Errc::internal; }
  Task<Result<void>> set_position(std::string, std::uint64_t) override { co_return Result<void>{}; }
  Task<Result<bool>> lease(std::string, std::string, std::chrono::milliseconds) override { co_return Errc::internal; }
  Task<Result<std::string>> history() override { co_return std::string("1"); }
  Task<Result<void>> end_foreign(std::string, std::string, Errc, WallTime) override { co_return Errc::internal; }
  Task<Result<std::optional<WallTime>>> restored_at() override { co_return Errc::internal; }
  Task<Result<void>> backup(std::string) override { co_return Errc::internal; }
  Task<Result<void>> ping() override { co_return Result<void>{}; }

  std::map<std::uint64_t, store::ControlRow> rows;
  bool gone = false;
  int queries = 0;
  int fail_at = 0;
};

class ControlReaderTest : public testing::Test {
 protected:
  std::vector<std::uint64_t> read(ControlReader& reader) {
    std::vector<std::uint64_t> got;
    ok_ = loop_.run(reader.read([&got](const store::ControlRow& row) { got.push_back(row.seq); })).has_value();
    return got;
  }
  void start(ControlReader& reader) { ASSERT_TRUE(loop_.run(reader.start()).has_value()); }
  using Seqs = std::vector<std::uint64_t>;

  ManualClock clock_;
  ManualLoop loop_{clock_};
  LogStore store_;
  bool ok_ = false;
};

TEST_F(ControlReaderTest, GivesEachRowOnce) {
  ControlReader reader(store_, clock_);
  start(reader);
  EXPECT_EQ(read(reader), Seqs{});
  store_.put(1);
  store_.put(2);
  EXPECT_EQ(read(reader), (Seqs{1, 2}));
  for (int i = 0; i < 30; ++i) {
    clock_.advance(5s);
    EXPECT_EQ(read(reader), Seqs{});
  }
  store_.put(3);
  EXPECT_EQ(read(reader), Seqs{3});
}

TEST_F(ControlReaderTest, FindsTheEndOfALongLogInFewQueries) {
  for (std::uint64_t seq : {5U, 9U, 1'000U}) store_.put(seq);
  for (std::uint64_t seq = 500'000; seq < 503'000; ++seq) store_.put(seq);
  ControlReader reader(store_, clock_);
  start(reader);
  EXPECT_LE(store_.queries, 50);
  const Seqs got = read(reader);
  ASSERT_EQ(got.size(), 1'000U);
  EXPECT_EQ(got.back(), 502'999U);
}

TEST_F(ControlReaderTest, FindsTheEndOfEveryShortLog) {
  for (std::uint64_t rows = 0; rows < 70; ++rows) {
    if (rows > 0) store_.put(rows);
    ControlReader reader(store_, clock_, {.page_rows = 1});
    start(reader);
    EXPECT_EQ(read(reader), rows == 0 ? Seqs{} : Seqs{rows});
  }
}

TEST_F(ControlReaderTest, ARowThatBecomesVisibleLateIsNotMissed) {
  ControlReader reader(store_, clock_);
  start(reader);
  store_.put(10);
  store_.put(12);
  EXPECT_EQ(read(reader), (Seqs{10, 12}));
  for (int i = 0; i < 11; ++i) {
    clock_.advance(5s);
    read(reader);
  }
  store_.put(11);
  EXPECT_EQ(read(reader), Seqs{11}) << "within the overlap";
}

TEST_F(ControlReaderTest, TheOverlapEnds) {
  ControlReader reader(store_, clock_);
  start(reader);
  for (std::uint64_t seq = 10; seq < 40; seq += 2) {
    store_.put(seq);
    read(reader);
    clock_.advance(5s);
  }
  store_.put(11);
  EXPECT_EQ(read(reader), Seqs{}) << "older than a minute: it is not sought for ever";
}

TEST_F(ControlReaderTest, PagesAreReadToTheEnd) {
  ControlReader reader(store_, clock_, {.page_rows = 7});
  start(reader);
  for (std::uint64_t seq = 1; seq <= 21; ++seq) store_.put(seq);
  EXPECT_EQ(read(reader).size(), 21U);
}

TEST_F(ControlReaderTest, AfterAFailureNothingIsMissedOrDoubled) {
  ControlReader reader(store_, clock_, {.page_rows = 4});
  start(reader);
  for (std::uint64_t seq = 1; seq <= 10; ++seq) store_.put(seq);
  store_.fail_at = store_.queries + 2;
  EXPECT_EQ(read(reader), (Seqs{1, 2, 3, 4}));
  EXPECT_FALSE(ok_);
  EXPECT_EQ(read(reader), (Seqs{5, 6, 7, 8, 9, 10}));
  EXPECT_TRUE(ok_);
  store_.gone = true;
  EXPECT_EQ(read(reader), Seqs{});
  EXPECT_FALSE(ok_);
}

TEST_F(ControlReaderTest, MemoryIsBoundedAndRowsStillComeOnce) {
  ControlReader reader(store_, clock_, {.page_rows = 10, .remembered_max = 20});
  start(reader);
  std::size_t sum = 0;
  for (std::uint64_t seq = 1; seq <= 1'000; ++seq) {
    store_.put(seq);
    if (seq % 50 == 0) sum += read(reader).size();
  }
  EXPECT_EQ(sum, 1'000U);
  const int before = store_.queries;
  EXPECT_EQ(read(reader), Seqs{});
  EXPECT_LE(store_.queries - before, 3);
}

}  // namespace
}  // namespace gatecast::session
