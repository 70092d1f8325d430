#include "session/revocation_index.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <unordered_map>

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;
using Kind = Standing::Kind;
using Added = RevocationIndex::Added;

constexpr WallTime kNow{std::chrono::seconds{1'800'000'000}};
constexpr std::int64_t kSeconds = 1'800'000'000;
constexpr std::chrono::seconds kLife{1800};

std::string sid_of(int i) { return fmt::format("session-{:08}-abcdefghijklmnopqrst", i); }

/// An index that has been given all there is.
struct Filled {
  explicit Filled(RevocationIndex::Options options = {}) : life(options.token_life), index(options) {
    index.complete_since(kNow - kLife - kClockSkewMax);
  }
  Kind kind(std::string_view sid, std::int64_t issued = kSeconds - 10) {
    return index.standing(sid, issued, issued + life.count()).kind;
  }
  std::chrono::seconds life;
  RevocationIndex index;
};

TEST(SipHash, GivesTheReferenceVectors) {
  SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  // Of the reference implementation: key 00…0f, messages of no byte and of 00.
  EXPECT_EQ(sip_hash_128(key, ""), (Hash128{0xe6a825ba047f81a3, 0x930255c71472f66d}));
  EXPECT_EQ(sip_hash_128(key, std::string_view("\0", 1)), (Hash128{0x44af996bd8c187da, 0x45fc229b11597634}));
}

TEST(RevocationIndex, KnowsWhatHasEndedAndWhy) {
  Filled f;
  EXPECT_EQ(f.kind("a"), Kind::standing);
  EXPECT_EQ(f.index.add("a", Errc::signed_out, kNow, kNow), Added::added);
  EXPECT_EQ(f.index.add("b", Errc::user_blocked, kNow, kNow), Added::added);
  EXPECT_EQ(f.index.standing("a", kSeconds, kSeconds + 60).reason, Errc::signed_out);
  EXPECT_EQ(f.index.standing("b", kSeconds, kSeconds + 60).reason, Errc::user_blocked);
  EXPECT_EQ(f.kind("a"), Kind::ended);
  EXPECT_EQ(f.kind("c"), Kind::standing);
}

TEST(RevocationIndex, TheFirstReasonStays) {
  Filled f;
  f.index.add("a", Errc::signed_out, kNow, kNow);
  EXPECT_EQ(f.index.add("a", Errc::user_blocked, kNow + 1s, kNow + 1s), Added::known);
  EXPECT_EQ(f.index.standing("a", kSeconds, kSeconds + 60).reason, Errc::signed_out);
  EXPECT_EQ(f.index.entries(), 1U);
}

TEST(RevocationIndex, BeforeItIsFilledTheStoreDecidesAllButKnownEndings) {
  RevocationIndex index({});
  index.add("a", Errc::signed_out, kNow, kNow);
  EXPECT_EQ(index.standing("a", kSeconds, kSeconds + 60).kind, Kind::ended);
  EXPECT_EQ(index.standing("b", kSeconds, kSeconds + 60).kind, Kind::ask_store);
  index.complete_since(kNow - kLife - kClockSkewMax);
  EXPECT_EQ(index.standing("b", kSeconds, kSeconds + 60).kind, Kind::standing);
}

TEST(RevocationIndex, TokensThatLiveLongerThanItsEntriesAreForTheStore) {
  Filled f;
  EXPECT_EQ(f.index.standing("a", kSeconds, kSeconds + kLife.count()).kind, Kind::standing);
  EXPECT_EQ(f.index.standing("a", kSeconds, kSeconds + kLife.count() + 1).kind, Kind::ask_store);
}

TEST(RevocationIndex, AnEntryStaysUntilTheLastTokenHasExpired) {
  Filled f;
  f.index.add("a", Errc::signed_out, kNow, kNow);
  f.index.reclaim(kNow + kLife + kClockSkewMax);
  EXPECT_EQ(f.index.entries(), 1U);
  EXPECT_EQ(f.kind("a"), Kind::ended);
  f.index.reclaim(kNow + kLife + kClockSkewMax + 1s);
  EXPECT_EQ(f.index.entries(), 0U);
  EXPECT_EQ(f.index.add("b", Errc::signed_out, kNow - kLife - kClockSkewMax - 1s, kNow), Added::expired);
}

TEST(RevocationIndex, AfterTheClockWasSetBackReclaimedSessionsAreForTheStore) {
  Filled f;
  f.index.add("a", Errc::signed_out, kNow, kNow);
  f.index.reclaim(kNow + 24h);
  EXPECT_EQ(f.kind("a"), Kind::ask_store);
  EXPECT_EQ(f.kind("a", kSeconds + 24 * 3600), Kind::standing);
}

TEST(RevocationIndex, GrowsAndLosesNothing) {
  Filled f({.slots_at_start = 256});
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_EQ(f.index.add(sid_of(i), i % 2 == 0 ? Errc::signed_out : Errc::user_blocked, kNow, kNow), Added::added);
  }
  EXPECT_GE(f.index.slots(), 10'000U);
  for (int i = 0; i < 5'000; ++i) {
    Standing known = f.index.standing(sid_of(i), kSeconds, kSeconds + 60);
    ASSERT_EQ(known.kind, Kind::ended) << i;
    ASSERT_EQ(known.reason, i % 2 == 0 ? Errc::signed_out : Errc::user_blocked) << i;
  }
  for (int i = 5'000; i < 10'000; ++i) ASSERT_EQ(f.kind(sid_of(i)), Kind::standing) << i;
}

TEST(RevocationIndex, OverTheBoundTheOldestGoesAndTheFloorRises) {
  Filled f({.entries_max = 3});
  for (int i = 0; i < 5; ++i) f.index.add(sid_of(i), Errc::signed_out, kNow + i * 100s, kNow + i * 100s);
  EXPECT_EQ(f.index.entries(), 3U);
  // Sessions 0 and 1 were dropped; the second had ended at +100 s.
  EXPECT_EQ(f.kind(sid_of(0)), Kind::ask_store);
  EXPECT_EQ(f.kind(sid_of(1), kSeconds + 100), Kind::ask_store);
  EXPECT_EQ(f.kind(sid_of(1), kSeconds + 100 + kClockSkewMax.count()), Kind::ask_store);
  EXPECT_EQ(f.kind(sid_of(2)), Kind::ended);
  EXPECT_EQ(f.kind("never ended", kSeconds), Kind::ask_store);
  EXPECT_EQ(f.kind("never ended", kSeconds + 200), Kind::standing);
  f.index.complete_since(kNow - kLife);
  EXPECT_EQ(f.kind("never ended", kSeconds), Kind::ask_store) << "filling again must not lower the floor";
}

// The table against a map, through growth, reuse of slots and the bound's neighbourhood.
TEST(RevocationIndex, BehavesLikeAMapOverALongLife) {
  Filled f({.token_life = 60s, .slots_at_start = 256});
  std::unordered_map<int, WallTime> model;
  std::uint64_t random = 42;
  WallTime now = kNow;
  for (int step = 0; step < 60'000; ++step) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    const int i = static_cast<int>((random >> 33) % 20'000);
    const Added expected = model.contains(i) ? Added::known : Added::added;
    ASSERT_EQ(f.index.add(sid_of(i), Errc::signed_out, now, now), expected) << step;
    if (expected == Added::added) model.emplace(i, now);
    if (step % 50 == 0) {
      now += 1s;
      f.index.reclaim(now);
      std::erase_if(model, [now](const auto& entry) { return entry.second + 60s + kClockSkewMax + 1s <= now; });
      ASSERT_EQ(f.index.entries(), model.size());
    }
    const int j = static_cast<int>((random >> 13) % 20'000);
    const bool ended = f.kind(sid_of(j), unix_seconds(now)) == Kind::ended;
    ASSERT_EQ(ended, model.contains(j)) << step;
  }
}

// Readers that hold what they have seen: an ended session never stands again, a standing one never looks ended, while
// the writer adds, reclaims, reuses slots and grows.
TEST(RevocationIndex, ReadersNeverMissAnEndingWhileOthersWrite) {
  Filled f({.token_life = 60s, .slots_at_start = 256});
  constexpr int kSteady = 200;  // ended late: must be seen throughout
  constexpr int kRounds = 300;
  constexpr int kChurn = 40;
  for (int i = 0; i < kSteady; ++i) f.index.add(sid_of(i), Errc::user_blocked, kNow + 1h, kNow);
  std::atomic<int> published{0};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      while (!done.load()) {
        for (int i = 0; i < kSteady; ++i) {
          Standing known = f.index.standing(sid_of(i), kSeconds, kSeconds + 60);
          if (known.kind != Kind::ended || known.reason != Errc::user_blocked) ++wrong;
        }
        // What had been added before we looked is there, unless it has been reclaimed since: then it is no longer
        // the newest round.
        const int round = published.load();
        Standing known = f.index.standing(sid_of(1'000'000 + round), kSeconds, kSeconds + 60);
        if (round > 0 && known.kind != Kind::ended && published.load() == round) ++wrong;
        if (f.kind(sid_of(900'000), kSeconds + 24 * 3600) != Kind::standing) ++wrong;
      }
    });
  }
  for (int round = 1; round <= kRounds; ++round) {
    const WallTime now = kNow + round * 10s;
    for (int i = 0; i < kChurn; ++i) f.index.add(sid_of(2'000'000 + round * kChurn + i), Errc::signed_out, now, now);
    f.index.add(sid_of(1'000'000 + round), Errc::signed_out, now, now);
    published.store(round);
    f.index.reclaim(now);
  }
  done.store(true);
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(RevocationIndex, WritersTakeTurns) {
  Filled f({.slots_at_start = 256});
  std::atomic<int> added{0};
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        if (f.index.add(sid_of(i), Errc::signed_out, kNow, kNow) == Added::added) ++added;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(added.load(), 1'000);
  EXPECT_EQ(f.index.entries(), 1'000U);
}

}  // namespace
}  // namespace gatecast::session
