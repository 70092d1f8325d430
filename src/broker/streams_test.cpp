#include "broker/streams.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace gatecast::broker {
namespace {

using std::chrono::seconds;
constexpr HistoryOptions kTen{.size = 10, .time = seconds(60)};
const auto kAll = [](std::string_view) { return true; };
const auto kNobody = [](std::string_view) { return false; };

class StreamsTest : public testing::Test {
 protected:
  StreamPosition publish(std::string_view channel, std::string data, HistoryOptions options = kTen) {
    return publish(streams_, channel, std::move(data), options);
  }
  static StreamPosition publish(Streams& streams, std::string_view channel, std::string data,
                                HistoryOptions options = kTen) {
    auto publication = std::make_shared<Publication>();
    publication->channel = channel;
    publication->data = std::move(data);
    return streams.append(std::move(publication), options);
  }
  static std::string texts(const std::vector<PublicationRef>& publications) {
    std::string text;
    for (const auto& p : publications) text += p->data + " ";
    return text;
  }
  std::string read(std::string_view channel, const HistoryQuery& query) {
    const auto page = streams_.read(channel, query);
    return page ? texts(page->publications) : std::string(info(page.error().code).name);
  }
  void publish_many(std::string_view channel, int from, int to) {
    for (int n = from; n <= to; ++n) publish(channel, std::to_string(n));
  }

  ManualClock clock_;
  Streams streams_{{}, clock_, 7};
};

TEST_F(StreamsTest, OffsetsBeginAtOneAndHaveNoHole) {
  EXPECT_EQ(streams_.position("a").offset, 0U);
  EXPECT_EQ(publish("a", "x").offset, 1U);
  EXPECT_EQ(publish("a", "y").offset, 2U);
  EXPECT_EQ(publish("b", "z").offset, 1U);
  EXPECT_EQ(streams_.position("a").offset, 2U);
  EXPECT_EQ(streams_.count(), 2U);
}

TEST_F(StreamsTest, EpochIsThereBeforeTheFirstPublicationAndStays) {
  const std::uint64_t before = streams_.position("a").epoch;
  EXPECT_LT(before, kEpochs);
  EXPECT_EQ(streams_.count(), 0U);
  EXPECT_EQ(publish("a", "x").epoch, before);
  EXPECT_EQ(streams_.position("a").epoch, before);
  EXPECT_NE(streams_.position("b").epoch, before);
  EXPECT_NE(Streams({}, clock_, 8).position("a").epoch, before);
}

TEST_F(StreamsTest, EpochsAreEightLetters) {
  for (const std::uint64_t epoch :
       {std::uint64_t{0}, std::uint64_t{51}, std::uint64_t{52}, kEpochs - 1, streams_.position("a").epoch}) {
    EXPECT_EQ(epoch_asked(epoch_text(epoch)), epoch);
    EXPECT_EQ(epoch_text(epoch).size(), 8U);
  }
  EXPECT_EQ(epoch_asked(""), kAnyEpoch);
  for (const char* text : {"a", "abcdefg", "abcdefghi", "abcdefg1", "abcdef g"}) EXPECT_EQ(epoch_asked(text), kNoEpoch);
}

TEST_F(StreamsTest, PageForward) {
  publish_many("a", 1, 5);
  EXPECT_EQ(read("a", {}), "");
  EXPECT_EQ(read("a", {.limit = -1}), "1 2 3 4 5 ");
  EXPECT_EQ(read("a", {.limit = 2}), "1 2 ");
  EXPECT_EQ(read("a", {.limit = 2, .since = StreamPosition{2, kAnyEpoch}}), "3 4 ");
  EXPECT_EQ(read("a", {.limit = 9, .since = StreamPosition{5, kAnyEpoch}}), "");
  EXPECT_EQ(read("a", {.limit = 9, .since = StreamPosition{99, kAnyEpoch}}), "");
  EXPECT_EQ(read("a", {.limit = 1, .since = StreamPosition{0, streams_.position("a").epoch}}), "1 ");
  EXPECT_EQ(streams_.read("a", {})->top.offset, 5U);
}

TEST_F(StreamsTest, PageBackward) {
  publish_many("a", 1, 5);
  EXPECT_EQ(read("a", {.limit = -1, .reverse = true}), "5 4 3 2 1 ");
  EXPECT_EQ(read("a", {.limit = 2, .reverse = true}), "5 4 ");
  EXPECT_EQ(read("a", {.limit = 2, .since = StreamPosition{4, kAnyEpoch}, .reverse = true}), "3 2 ");
  EXPECT_EQ(read("a", {.limit = 2, .since = StreamPosition{1, kAnyEpoch}, .reverse = true}), "");
  EXPECT_EQ(read("a", {.limit = 2, .since = StreamPosition{99, kAnyEpoch}, .reverse = true}), "5 4 ");
  EXPECT_EQ(read("a", {.limit = 2, .since = StreamPosition{0, kAnyEpoch}, .reverse = true}), "bad_request");
}

TEST_F(StreamsTest, AnotherEpochIsUnrecoverable) {
  publish_many("a", 1, 2);
  EXPECT_EQ(read("a", {.limit = 1, .since = StreamPosition{1, kNoEpoch}}), "unrecoverable_position");
  EXPECT_EQ(read("new", {.limit = 1, .since = StreamPosition{1, kNoEpoch}}), "unrecoverable_position");
  const Recovered recovered = streams_.recover("a", {2, kNoEpoch});
  EXPECT_FALSE(recovered.recovered);
  EXPECT_EQ(recovered.top.offset, 2U);
}

TEST_F(StreamsTest, SizePushesOutTheOldest) {
  publish_many("a", 1, 15);
  EXPECT_EQ(read("a", {.limit = -1}), "6 7 8 9 10 11 12 13 14 15 ");
  EXPECT_EQ(read("a", {.limit = 2, .since = StreamPosition{1, kAnyEpoch}}), "6 7 ");
  publish("a", "16", {.size = 3, .time = seconds(60)});
  EXPECT_EQ(read("a", {.limit = -1}), "14 15 16 ");
}

TEST_F(StreamsTest, EachPublicationIsKeptForItsTime) {
  publish("a", "1");
  clock_.advance(seconds(30));
  publish("a", "2");
  clock_.advance(seconds(29));
  EXPECT_EQ(read("a", {.limit = -1}), "1 2 ");
  clock_.advance(seconds(1));
  EXPECT_EQ(read("a", {.limit = -1}), "2 ");
  clock_.advance(seconds(30));
  EXPECT_EQ(read("a", {.limit = -1}), "");
  EXPECT_EQ(streams_.position("a").offset, 2U);
  EXPECT_EQ(publish("a", "3").offset, 3U);
}

TEST_F(StreamsTest, RecoveryGivesAllOrSaysThatItCannot) {
  publish_many("a", 1, 12);
  const std::uint64_t epoch = streams_.position("a").epoch;
  EXPECT_EQ(texts(streams_.recover("a", {9, epoch}).publications), "10 11 12 ");
  EXPECT_TRUE(streams_.recover("a", {9, epoch}).recovered);
  EXPECT_TRUE(streams_.recover("a", {12, epoch}).recovered);
  EXPECT_TRUE(streams_.recover("a", {12, epoch}).publications.empty());
  EXPECT_EQ(streams_.recover("a", {2, epoch}).publications.size(), 10U);
  EXPECT_TRUE(streams_.recover("a", {2, epoch}).recovered);
  EXPECT_FALSE(streams_.recover("a", {1, epoch}).recovered);  // 2 was pushed out
  EXPECT_FALSE(streams_.recover("a", {13, epoch}).recovered);
  EXPECT_FALSE(streams_.recover("a", {~std::uint64_t{0}, epoch}).recovered);
  EXPECT_TRUE(streams_.recover("a", {9, kAnyEpoch}).recovered);
  EXPECT_TRUE(streams_.recover("new", {0, kAnyEpoch}).recovered);
  EXPECT_FALSE(streams_.recover("new", {1, kAnyEpoch}).recovered);
}

TEST_F(StreamsTest, RecoveryFromTheStart) {
  publish_many("a", 1, 3);
  const Recovered all = streams_.recover("a", {0, kAnyEpoch});
  EXPECT_TRUE(all.recovered);
  EXPECT_EQ(texts(all.publications), "1 2 3 ");
}

TEST_F(StreamsTest, RecoveryIsBoundedInCountAndBytes) {
  Streams streams({.page = 3, .recovered_bytes = 100}, clock_, 7);
  for (int n = 0; n < 8; ++n) publish(streams, "a", std::string(30, 'x'));
  EXPECT_TRUE(streams.recover("a", {5, kAnyEpoch}).recovered);
  EXPECT_FALSE(streams.recover("a", {4, kAnyEpoch}).recovered);
  publish(streams, "a", std::string(60, 'x'));
  EXPECT_FALSE(streams.recover("a", {6, kAnyEpoch}).recovered);
  EXPECT_TRUE(streams.recover("a", {7, kAnyEpoch}).recovered);
  EXPECT_EQ(streams.read("a", {.limit = 100})->publications.size(), 3U);
  EXPECT_EQ(streams.read("a", {.limit = -1})->publications.size(), 3U);
}

TEST_F(StreamsTest, WhatFitsIsRecoveredAndTheRestCountsAsSeen) {
  publish_many("a", 1, 9);
  const auto epoch = streams_.position("a").epoch;
  const Streams::Fits even = [](const Publication& p) { return std::stoi(p.data) % 2 == 0; };
  const Streams::Fits none = [](const Publication&) { return false; };
  const auto reply = Streams::Bounded::for_reply;
  auto got = streams_.recover("a", {3, epoch}, reply, even);
  EXPECT_TRUE(got.recovered);
  EXPECT_EQ(texts(got.publications), "4 6 8 ");
  EXPECT_EQ(got.top.offset, 9U);
  got = streams_.recover("a", {3, epoch}, reply, none);
  EXPECT_TRUE(got.recovered);
  EXPECT_TRUE(got.publications.empty());
  publish_many("a", 10, 15);
  EXPECT_FALSE(streams_.recover("a", {3, epoch}, reply, none).recovered) << "what is gone may have fitted";

  EXPECT_EQ(texts(streams_.newest("a", {0, kAnyEpoch}, even).publications), "14 ");
  EXPECT_EQ(texts(streams_.newest("a", {13, epoch}, even).publications), "14 ");
  EXPECT_EQ(texts(streams_.newest("a", {14, kNoEpoch}, even).publications), "14 ");
  EXPECT_EQ(texts(streams_.newest("a", {99, epoch}, even).publications), "14 ");
  got = streams_.newest("a", {14, epoch}, even);
  EXPECT_TRUE(got.recovered);
  EXPECT_TRUE(got.publications.empty());
  EXPECT_FALSE(streams_.newest("a", {0, kAnyEpoch}, none).recovered);
}

TEST_F(StreamsTest, OnlyWhatFitsCountsAgainstTheBytesOfARecovery) {
  Streams small({.recovered_bytes = 100}, clock_, 7);
  for (int n = 0; n < 8; ++n) publish(small, "a", std::string(n % 2 == 0 ? 20 : 60, 'x'));
  const Streams::Fits shorter = [](const Publication& p) { return p.data.size() == 20; };
  EXPECT_FALSE(small.recover("a", {0, kAnyEpoch}).recovered);
  EXPECT_EQ(small.recover("a", {0, kAnyEpoch}, Streams::Bounded::for_reply, shorter).publications.size(), 4U);
}

TEST_F(StreamsTest, NewestIsForChannelsOfOneValue) {
  EXPECT_TRUE(streams_.newest("a", {0, kAnyEpoch}).recovered);
  EXPECT_FALSE(streams_.newest("a", {3, kNoEpoch}).recovered);
  publish_many("a", 1, 3);
  const std::uint64_t epoch = streams_.position("a").epoch;
  EXPECT_EQ(texts(streams_.newest("a", {0, kAnyEpoch}).publications), "3 ");
  EXPECT_EQ(texts(streams_.newest("a", {9, kNoEpoch}).publications), "3 ");
  EXPECT_TRUE(streams_.newest("a", {3, epoch}).publications.empty());
  EXPECT_TRUE(streams_.newest("a", {3, epoch}).recovered);
  clock_.advance(seconds(60));
  EXPECT_FALSE(streams_.newest("a", {1, epoch}).recovered);
}

TEST_F(StreamsTest, ClearedHistoryKeepsItsPosition) {
  publish_many("a", 1, 3);
  const StreamPosition before = streams_.position("a");
  streams_.clear("a");
  streams_.clear("never seen");
  EXPECT_EQ(read("a", {.limit = -1}), "");
  EXPECT_EQ(streams_.position("a").offset, 3U);
  EXPECT_EQ(streams_.position("a").epoch, before.epoch);
  EXPECT_FALSE(streams_.recover("a", {1, before.epoch}).recovered);
  EXPECT_TRUE(streams_.recover("a", {3, before.epoch}).recovered);
}

TEST_F(StreamsTest, SweepGivesMemoryBackAndDropsWhatNobodyUses) {
  const std::size_t empty = streams_.bytes();
  for (int n = 0; n < 1000; ++n) publish("c" + std::to_string(n), std::string(1000, 'x'));
  EXPECT_GT(streams_.bytes(), 1'000'000U);
  clock_.advance(seconds(60));
  for (int n = 0; n < 5; ++n) streams_.sweep(kNobody);
  EXPECT_LT(streams_.bytes(), 400'000U);
  EXPECT_EQ(streams_.count(), 1000U);
  const std::uint64_t epoch = streams_.position("c5").epoch;
  clock_.advance(std::chrono::days(31));
  for (int n = 0; n < 5; ++n) streams_.sweep([](std::string_view channel) { return channel == "c5"; });
  EXPECT_EQ(streams_.count(), 1U);
  EXPECT_EQ(streams_.position("c5").epoch, epoch);
  EXPECT_EQ(streams_.position("c5").offset, 1U);
  for (int n = 0; n < 2; ++n) streams_.sweep(kNobody);
  EXPECT_EQ(streams_.bytes(), empty);
}

TEST_F(StreamsTest, DroppedStreamComesBackInAnotherEpoch) {
  publish("a", "1");
  const std::uint64_t first = streams_.position("a").epoch;
  const std::uint64_t other = streams_.position("other").epoch;
  clock_.advance(std::chrono::days(31));
  streams_.sweep(kNobody);
  EXPECT_EQ(streams_.count(), 0U);
  EXPECT_NE(streams_.position("a").epoch, first);
  EXPECT_FALSE(streams_.recover("a", {1, first}).recovered);
  EXPECT_EQ(streams_.position("other").epoch, other);  // nobody else's changes
  const std::uint64_t second = publish("a", "2").epoch;
  EXPECT_EQ(streams_.position("a").offset, 1U);
  EXPECT_NE(second, first);
}

TEST_F(StreamsTest, BytesAreBoundedFromTheLeastRecentlyPublished) {
  Streams streams({.bytes = 100'000}, clock_, 7);
  for (int n = 0; n < 50; ++n) publish(streams, "old", std::string(1000, 'x'), {.size = 100, .time = seconds(60)});
  for (int n = 0; n < 60; ++n) publish(streams, "new", std::string(1000, 'x'), {.size = 100, .time = seconds(60)});
  EXPECT_LE(streams.bytes(), 100'000U);
  EXPECT_GT(streams.evicted(), 20U);
  EXPECT_EQ(streams.read("new", {.limit = -1})->publications.size(), 60U);
  EXPECT_LT(streams.read("old", {.limit = -1})->publications.size(), 30U);
  EXPECT_EQ(streams.position("old").offset, 50U);
  publish(streams, "huge", std::string(200'000, 'x'));
  EXPECT_EQ(streams.read("huge", {.limit = -1})->publications.size(), 1U);
  EXPECT_EQ(streams.read("new", {.limit = -1})->publications.size(), 0U);
}

TEST_F(StreamsTest, CountIsBounded) {
  Streams streams({.streams = 3}, clock_, 7);
  for (const char* name : {"a", "b", "c", "a", "d"}) publish(streams, name, "x");
  EXPECT_EQ(streams.count(), 3U);
  EXPECT_EQ(streams.position("a").offset, 2U);
  EXPECT_EQ(streams.position("b").offset, 0U);  // was published to least recently
}

TEST_F(StreamsTest, ForgottenDropsChangeEveryUnusedEpoch) {
  Streams streams({.streams = 1}, clock_, 7);
  const std::uint64_t unused = streams.position("unused").epoch;
  std::vector<std::uint64_t> epochs;
  for (int n = 0; n < 40; ++n) epochs.push_back(publish(streams, n % 2 == 0 ? "a" : "b", "x").epoch);
  std::sort(epochs.begin(), epochs.end());
  EXPECT_TRUE(std::adjacent_find(epochs.begin(), epochs.end()) == epochs.end());
  for (int n = 0; n < 10; ++n) publish(streams, "name " + std::to_string(n), "x");
  EXPECT_NE(streams.position("unused").epoch, unused);
}

TEST_F(StreamsTest, SavedAndLoadedTheyAreTheSame) {
  publish_many("a", 1, 12);
  clock_.advance(seconds(20));
  auto tagged = std::make_shared<Publication>();
  tagged->channel = "b";
  tagged->data = std::string("\0{\n}", 4);
  tagged->user = "u";
  tagged->client = "c";
  tagged->conn_info = "{}";
  tagged->chan_info = "[]";
  tagged->tags = {{"k", "v"}, {"", ""}};
  streams_.append(tagged, kTen);
  const std::uint64_t unused = streams_.position("unused").epoch;
  const StreamPosition a = streams_.position("a");
  const std::string saved = streams_.save();

  clock_.advance(seconds(30));
  Streams loaded({}, clock_, 99);
  ASSERT_TRUE(loaded.load(saved, kAll));
  EXPECT_EQ(loaded.position("a").offset, a.offset);
  EXPECT_EQ(loaded.position("a").epoch, a.epoch);
  EXPECT_EQ(loaded.position("unused").epoch, unused);
  EXPECT_EQ(texts(loaded.recover("a", {10, a.epoch}).publications), "11 12 ");
  const Publication& b = *loaded.recover("b", {0, kAnyEpoch}).publications[0];
  EXPECT_EQ(b.data, tagged->data);
  EXPECT_EQ(b.user + b.client + b.conn_info + b.chan_info, "uc{}[]");
  EXPECT_EQ(b.tags, tagged->tags);
  EXPECT_EQ(loaded.bytes() > 0, true);
  clock_.advance(seconds(10));  // 60 s after the first twelve, the downtime counted
  EXPECT_EQ(loaded.read("a", {.limit = -1})->publications.size(), 0U);
  EXPECT_EQ(loaded.read("b", {.limit = -1})->publications.size(), 1U);
  EXPECT_EQ(publish(loaded, "a", "13").offset, 13U);
}

TEST_F(StreamsTest, SavedTogetherTheyMayBeLoadedApart) {
  for (const char* name : {"a", "b", "c"}) publish_many(name, 1, 3);
  const std::string saved = streams_.save();
  Streams one({}, clock_, 1), rest({}, clock_, 2);
  ASSERT_TRUE(one.load(saved, [](std::string_view name) { return name == "b"; }));
  ASSERT_TRUE(rest.load(saved, [](std::string_view name) { return name != "b"; }));
  EXPECT_EQ(one.count(), 1U);
  EXPECT_EQ(rest.count(), 2U);
  EXPECT_EQ(one.position("b"), streams_.position("b"));
  EXPECT_EQ(rest.position("c"), streams_.position("c"));
  EXPECT_EQ(one.position("unused"), streams_.position("unused"));
}

// Two shards, "a" at home on the first. What the second keeps of it is as old as the restart before.
TEST_F(StreamsTest, EpochIsNewAfterEachDropWhateverOtherShardsSave) {
  const Streams::Limits one_stream{.streams = 1};
  std::set<std::uint64_t> epochs;
  std::string first, second;
  for (int run = 0; run < 4; ++run) {
    Streams home(one_stream, clock_, 1), other(one_stream, clock_, 1);
    for (Streams* streams : {&home, &other}) {
      if (run > 0) ASSERT_TRUE(streams->load(first, kNobody) && streams->load(second, kNobody));
    }
    EXPECT_TRUE(epochs.insert(publish(home, "a", "x").epoch).second) << run;
    publish(home, "b", "pushes it out");
    first = home.save();
    second = other.save();
  }
}

TEST_F(StreamsTest, EpochThatWasForgottenDoesNotComeBackWithAnothersSeed) {
  Streams home({.streams = 1}, clock_, 1), other({.streams = 1}, clock_, 1);
  const std::uint64_t first = publish(home, "a", "x").epoch;
  for (int n = 0; n < 20; ++n) publish(home, std::to_string(n), "pushes others out");
  Streams again({}, clock_, 2);
  ASSERT_TRUE(again.load(home.save(), kNobody) && again.load(other.save(), kNobody));
  EXPECT_NE(again.position("a").epoch, first);
}

TEST_F(StreamsTest, DamagedBytesLoadNothing) {
  publish_many("a", 1, 2);
  const std::string saved = streams_.save();
  for (std::size_t cut = 0; cut < saved.size(); ++cut) {
    Streams loaded({}, clock_, 1);
    EXPECT_FALSE(loaded.load(saved.substr(0, cut), kAll)) << cut;
    EXPECT_EQ(loaded.count(), 0U) << cut;
  }
  for (std::size_t at = 0; at < saved.size(); ++at) {
    std::string changed = saved;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    Streams loaded({}, clock_, 1);
    EXPECT_FALSE(loaded.load(changed, kAll)) << at;
    EXPECT_EQ(loaded.count(), 0U) << at;
  }
}

/// The same stream as a list that keeps everything and says at each reading what must still be there.
struct Plain {
  std::optional<std::uint64_t> epoch;
  std::vector<std::pair<std::string, SteadyTime>> all;
  std::size_t gone = 0;  // of `all`: pushed out, too old or cleared

  void age(SteadyTime now) {
    while (gone < all.size() && now - all[gone].second >= kTen.time) ++gone;
  }
};

TEST_F(StreamsTest, AgreesWithAPlainListOverRandomStories) {
  std::mt19937 random(1);
  const auto pick = [&random](unsigned n) { return static_cast<unsigned>(random()) % n; };
  std::map<std::string, Plain> plain;
  unsigned recovered = 0, lost = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::string channel = "c" + std::to_string(pick(5));
    Plain& p = plain[channel];
    if (!p.epoch) p.epoch = streams_.position(channel).epoch;
    p.age(clock_.steady());
    switch (pick(12)) {
      case 0: clock_.advance(seconds(pick(20))); break;
      case 1: streams_.sweep([](std::string_view) { return true; }); break;
      case 2:
        if (pick(20) == 0) {
          streams_.clear(channel);
          p.gone = p.all.size();
        }
        break;
      case 3:
      case 4:
      case 5:
      case 6:
        publish(channel, std::to_string(step));
        p.all.emplace_back(std::to_string(step), clock_.steady());
        p.gone = std::max(p.gone, p.all.size() - std::min<std::size_t>(p.all.size(), kTen.size));
        break;
      default: {
        const std::uint64_t since = p.all.size() - std::min<std::size_t>(p.all.size(), pick(14));
        const Recovered r = streams_.recover(channel, {since, *p.epoch});
        ASSERT_EQ(r.top.offset, p.all.size());
        ASSERT_EQ(r.recovered, since >= p.gone) << step;
        std::string want;
        for (std::size_t n = since; r.recovered && n < p.all.size(); ++n) want += p.all[n].first + " ";
        ASSERT_EQ(texts(r.publications), want) << step;
        ++(r.recovered ? recovered : lost);
      }
    }
  }
  EXPECT_GT(recovered, 2000U);
  EXPECT_GT(lost, 500U);
}

TEST_F(StreamsTest, APublicationOfAnOldVersionIsPassedOver) {
  const auto version = [](std::uint64_t number, std::uint64_t epoch) {
    HistoryOptions options = kTen;
    options.version = number;
    options.version_epoch = epoch;
    return options;
  };
  EXPECT_EQ(publish("a", "one", version(5, 0)).offset, 1U);
  for (const std::uint64_t old : {5U, 4U}) {
    auto late = std::make_shared<Publication>();
    late->channel = "a";
    EXPECT_EQ(streams_.append(late, version(old, 0)), streams_.position("a"));
    EXPECT_EQ(late->offset, 0U);
  }
  EXPECT_EQ(publish("a", "two", version(6, 0)).offset, 2U);
  EXPECT_EQ(publish("a", "plain").offset, 3U) << "without a version nothing is compared";
  EXPECT_EQ(publish("a", "late", version(6, 0)).offset, 3U) << "and the newest version stays";
  EXPECT_EQ(publish("a", "other epoch", version(1, 77)).offset, 4U);
  EXPECT_EQ(publish("a", "late", version(1, 77)).offset, 4U);
  EXPECT_EQ(publish("a", "late in any", version(1, 0)).offset, 4U);
  EXPECT_EQ(publish("b", "one", version(1, 0)).offset, 1U) << "each channel has its own";
  streams_.clear("a");
  EXPECT_EQ(publish("a", "late", version(1, 77)).offset, 4U);

  Streams again({}, clock_, 8);
  ASSERT_TRUE(again.load(streams_.save(), kAll));
  EXPECT_EQ(publish(again, "a", "late", version(1, 77)).offset, 4U);
  EXPECT_EQ(publish(again, "a", "new", version(2, 77)).offset, 5U);
}

}  // namespace
}  // namespace gatecast::broker
