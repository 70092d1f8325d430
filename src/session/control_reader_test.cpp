#include "session/control_reader.hpp"

#include <gtest/gtest.h>

#include "core/manual_loop.hpp"
#include "session/absent_store.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

/// A control log that rows can be put into in any order, as writers that commit at different speeds do.
class LogStore final : public AbsentStore {
 public:
  Task<Result<std::vector<store::ControlRow>>> control_log(std::uint64_t after, std::uint32_t limit) override {
    ++queries;
    if (gone || queries == fail_at) co_return fail(Errc::store_failed, "gone");
    std::vector<store::ControlRow> out;
    for (auto at = rows.upper_bound(after); at != rows.end() && out.size() < limit; ++at) out.push_back(at->second);
    given += out.size();
    co_return out;
  }
  void put(std::uint64_t seq) { rows[seq] = {.seq = seq, .kind = "session_ended", .subject = std::to_string(seq)}; }

  std::map<std::uint64_t, store::ControlRow> rows;
  bool gone = false;
  int queries = 0;
  std::size_t given = 0;
  int fail_at = 0;
};

class ControlReaderTest : public testing::Test {
 protected:
  std::vector<std::uint64_t> read(ControlReader& reader) {
    std::vector<std::uint64_t> got;
    const auto done = loop_.run(reader.read([&got](const store::ControlRow& row) { got.push_back(row.seq); }));
    ok_ = done.has_value();
    rewound_ = done.has_value() && *done == ControlReader::Read::rewound;
    return got;
  }
  void start(ControlReader& reader) { ASSERT_TRUE(loop_.run(reader.start()).has_value()); }
  using Seqs = std::vector<std::uint64_t>;

  ManualClock clock_;
  ManualLoop loop_{clock_};
  LogStore store_;
  bool ok_ = false;
  bool rewound_ = false;
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

constexpr ControlReader::Options kOften{.full_every = 5s};

TEST_F(ControlReaderTest, ReadsBetweenFullOnesAreShortAndMissNothing) {
  ControlReader reader(store_, clock_, kOften);
  start(reader);
  for (std::uint64_t seq = 1; seq <= 500; ++seq) store_.put(seq);
  EXPECT_EQ(read(reader).size(), 500U);
  for (int i = 0; i < 10; ++i) {
    clock_.advance(300ms);
    const int before = store_.queries;
    const auto rows = store_.given;
    EXPECT_EQ(read(reader), Seqs{});
    EXPECT_EQ(store_.queries - before, 1);
    EXPECT_EQ(store_.given, rows) << "rows are not read again";
  }
  store_.put(503);
  store_.put(506);
  EXPECT_EQ(read(reader), (Seqs{503, 506}));
  store_.put(505);
  store_.put(501);
  EXPECT_EQ(read(reader), (Seqs{501, 505})) << "what became visible late, in the very next read";
  store_.put(504);
  store_.put(507);
  EXPECT_EQ(read(reader), (Seqs{507, 504}));
  store_.put(502);
  EXPECT_EQ(read(reader), Seqs{502});
  clock_.advance(300ms);
  const int before = store_.queries;
  EXPECT_EQ(read(reader), Seqs{});
  EXPECT_EQ(store_.queries - before, 1) << "no hole is left";
}

TEST_F(ControlReaderTest, ManySkippedNumbersAreReadAtOnce) {
  ControlReader reader(store_, clock_, kOften);
  start(reader);
  for (std::uint64_t seq = 2; seq <= 100; seq += 2) store_.put(seq);
  EXPECT_EQ(read(reader).size(), 50U);
  const int before = store_.queries;
  store_.put(51);
  store_.put(99);
  EXPECT_EQ(read(reader), (Seqs{51, 99}));
  EXPECT_LE(store_.queries - before, 2);
}

TEST_F(ControlReaderTest, NumbersThatWereGivenBackAreSoughtForAMinute) {
  ControlReader reader(store_, clock_, {.full_every = 24h});
  start(reader);
  store_.put(1);
  store_.put(3);
  read(reader);
  clock_.advance(59s);
  store_.put(2);
  EXPECT_EQ(read(reader), Seqs{2});
  store_.put(6);
  read(reader);
  clock_.advance(61s);
  read(reader);
  store_.put(5);
  EXPECT_EQ(read(reader), Seqs{});
}

TEST_F(ControlReaderTest, ANumberGivenTwiceIsARowOfItsOwn) {
  ControlReader reader(store_, clock_);
  start(reader);
  store_.put(1);
  store_.put(2);
  read(reader);
  store_.rows[2].subject = "another";
  EXPECT_EQ(read(reader), Seqs{2});
  EXPECT_EQ(read(reader), Seqs{});
}

TEST_F(ControlReaderTest, ALogThatWasSetBackIsNoticed) {
  ControlReader reader(store_, clock_);
  start(reader);
  for (std::uint64_t seq = 1; seq <= 9; ++seq) store_.put(seq);
  read(reader);
  EXPECT_FALSE(rewound_);
  store_.rows.erase(8);
  store_.rows.erase(9);
  read(reader);
  EXPECT_TRUE(rewound_);
  start(reader);
  store_.put(8);
  EXPECT_EQ(read(reader).back(), 8U);
  EXPECT_FALSE(rewound_);
}

}  // namespace
}  // namespace gatecast::session
