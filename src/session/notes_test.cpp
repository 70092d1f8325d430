// The small memories of Sessions: last_seen, refusals, and the work that writes them.
#include <gtest/gtest.h>

#include "core/manual_loop.hpp"
#include "session/last_seen.hpp"
#include "session/periodic.hpp"
#include "session/refusal_notes.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::seconds{1'800'000'000}};

TEST(LastSeen, KeepsTheLatestTimeOfEachAndGivesItOnce) {
  LastSeen notes;
  EXPECT_TRUE(notes.note("a", kNow));
  EXPECT_TRUE(notes.note("a", kNow + 2s));
  EXPECT_TRUE(notes.note("a", kNow + 1s));
  EXPECT_EQ(notes.take(), (LastSeen::Seen{{"a", kNow + 2s}}));
  EXPECT_TRUE(notes.take().empty());
}

TEST(LastSeen, PuttingBackDoesNotUndoALaterTime) {
  LastSeen notes;
  notes.note("a", kNow);
  const LastSeen::Seen failed = notes.take();
  notes.note("a", kNow + 5s);
  notes.put_back(failed);
  EXPECT_EQ(notes.take(), (LastSeen::Seen{{"a", kNow + 5s}}));
}

TEST(LastSeen, IsBounded) {
  LastSeen notes(160);
  int refused = 0;
  for (int i = 0; i < 1'000; ++i) refused += notes.note(std::to_string(i), kNow) ? 0 : 1;
  EXPECT_EQ(refused, 840);
  EXPECT_EQ(notes.take().size(), 160U);
  EXPECT_TRUE(notes.note("again", kNow));
}

TEST(RefusalNotes, CountsByCodeAndAddress) {
  RefusalNotes notes;
  notes.note(Errc::nonce_used, "192.0.2.1", "wallet-a", kNow);
  notes.note(Errc::nonce_used, "192.0.2.1", "wallet-b", kNow + 1s);
  notes.note(Errc::nonce_used, "192.0.2.2", "", kNow);
  notes.note(Errc::nonce_expired, "192.0.2.1", "", kNow);
  const std::vector<store::AuditRow> rows = notes.take();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1].code, "nonce_used");
  EXPECT_EQ(rows[1].ip, "192.0.2.1");
  EXPECT_EQ(rows[1].detail, "wallet-a");
  EXPECT_EQ(rows[1].count, 2U);
  EXPECT_EQ(rows[1].at, kNow);
  notes.put_back(rows);
  notes.note(Errc::nonce_used, "192.0.2.1", "", kNow);
  EXPECT_EQ(notes.take()[1].count, 3U);
}

TEST(RefusalNotes, OverTheBoundOnlyTheCodeIsCounted) {
  RefusalNotes notes(10);
  for (int i = 0; i < 100; ++i) notes.note(Errc::signature_invalid, fmt::format("192.0.2.{}", i), "", kNow);
  const std::vector<store::AuditRow> rows = notes.take();
  EXPECT_EQ(rows.size(), 11U);
  std::uint64_t sum = 0;
  for (const auto& row : rows) sum += row.count;
  EXPECT_EQ(sum, 100U);
}

class PeriodicTest : public testing::Test {
 protected:
  Task<void> work() {
    ++begun_;
    if (hold_) co_await arrival<bool>([this](Resume<bool> resume) { held_.emplace(std::move(resume)); });
    ++ended_;
  }
  ManualClock clock_;
  ManualLoop loop_{clock_};
  Periodic periodic_{5s, [this] { return work(); }};
  int begun_ = 0, ended_ = 0;
  bool hold_ = false;
  std::optional<Resume<bool>> held_;
};

TEST_F(PeriodicTest, RunsAfterEachPauseUntilStopped) {
  periodic_.start(loop_);
  loop_.advance(4s);
  EXPECT_EQ(begun_, 0);
  loop_.advance(1s);
  EXPECT_EQ(begun_, 1);
  loop_.advance(5s);
  EXPECT_EQ(begun_, 2);
  spawn(periodic_.stop());
  loop_.advance(60s);
  EXPECT_EQ(begun_, 2);
}

TEST_F(PeriodicTest, RunsDoNotOverlapAndStopWaitsForTheOneUnderWay) {
  hold_ = true;
  periodic_.start(loop_);
  loop_.advance(5s);
  loop_.advance(60s);
  EXPECT_EQ(begun_, 1);
  bool stopped = false;
  spawn(periodic_.stop(), [&stopped] { stopped = true; });
  loop_.run_until_idle();
  EXPECT_FALSE(stopped);
  (*held_)(true);
  loop_.run_until_idle();
  EXPECT_TRUE(stopped);
  EXPECT_EQ(ended_, 1);
  loop_.advance(60s);
  EXPECT_EQ(begun_, 1);
}

}  // namespace
}  // namespace gatecast::session
