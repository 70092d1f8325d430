// Cases of broker/contract.hpp: publishing, positions, histories, recovery. Place: included by contract_suite.hpp.
#pragma once

#include <algorithm>
#include <random>

#include "broker/contract.hpp"

namespace gatecast::broker {

TEST_P(BrokerContract, PublicationsOfAChannelAreNumberedAndReachEveryNodeThatListens) {
  Node& a = add_node();
  Node& b = add_node();
  Node& elsewhere = add_node();
  listen(a, "news");
  EXPECT_EQ(listen(b, "news").offset, 0U);
  listen(elsewhere, "other");
  const StreamPosition first = publish(a, "news", "one");
  EXPECT_EQ(first.offset, 1U);
  EXPECT_LT(first.epoch, kEpochs);
  const StreamPosition second = publish(b, "news", "two");
  EXPECT_EQ(second.offset, 2U);
  EXPECT_EQ(second.epoch, first.epoch);
  for (Node* node : {&a, &b}) {
    ASSERT_EQ(arrived(*node, "news", 2), "one two ");
    place_->run([&] {
      EXPECT_EQ(node->heard->got["news"][1]->offset, 2U);
      EXPECT_EQ(node->heard->got["news"][1]->epoch, first.epoch);
    });
  }
  publish(a, "other", "elsewhere");
  arrived(elsewhere, "other", 1);
  place_->run([&] { EXPECT_TRUE(elsewhere.heard->got["news"].empty()); });
}

TEST_P(BrokerContract, APublicationArrivesAsItWasGiven) {
  Node& a = add_node();
  Node& b = add_node();
  listen(b, "news");
  auto full = message("news", std::string("{\"a\":\"\0\n\xc3\xa9\"}", 12));
  full->user = "ann";
  full->client = "c1";
  full->conn_info = R"({"n":1})";
  full->chan_info = "[]";
  full->tags = {{"k", "v"}, {"", std::string(300, 'x')}};
  full->delta = true;
  for (const bool kept : {true, false}) {
    const auto place = outcome<StreamPosition>([&](Done<StreamPosition> done) {
      a.broker->publish(full, {.history = kept ? kKept : HistoryOptions{}}, std::move(done));
    });
    ASSERT_TRUE(place);
  }
  arrived(b, "news", 2);
  auto seen = read(a, "news")->publications;
  place_->run([&] { seen.insert(seen.end(), b.heard->got["news"].begin(), b.heard->got["news"].end()); });
  ASSERT_EQ(seen.size(), 3U);
  for (const auto& p : seen) {
    EXPECT_EQ(p->channel, "news");
    EXPECT_EQ(p->data, full->data);
    EXPECT_EQ(p->user + p->client + p->conn_info + p->chan_info, "annc1{\"n\":1}[]");
    EXPECT_EQ(p->tags, full->tags);
    EXPECT_TRUE(p->delta);
    EXPECT_EQ(p->kind, PublicationKind::message);
  }
  EXPECT_EQ(seen[2]->offset, 0U);
}

TEST_P(BrokerContract, WithoutAHistoryThereIsNoPosition) {
  Node& a = add_node();
  Node& b = add_node();
  EXPECT_EQ(listen(b, "chat", false), (StreamPosition{0, 0}));
  EXPECT_EQ(publish(a, "chat", "one", {}), (StreamPosition{0, 0}));
  EXPECT_EQ(arrived(b, "chat", 1), "one ");
  EXPECT_EQ(history(a, "chat"), "");
}

TEST_P(BrokerContract, PersonalChannelsAreKeptApart) {
  Node& a = add_node();
  Node& b = add_node();
  for (int n = 0; n < 40; ++n) listen(b, "#" + std::to_string(n));
  for (int n = 0; n < 80; ++n) publish(a, "#" + std::to_string(n), std::to_string(n));
  publish(a, "#39", "last");
  arrived(b, "#39", 2);
  for (int n = 0; n < 39; ++n) EXPECT_EQ(arrived(b, "#" + std::to_string(n), 1), std::to_string(n) + " ");
  place_->run([&] { EXPECT_EQ(b.heard->got.size(), 40U); });
}

TEST_P(BrokerContract, ListeningGivesThePositionBehindWhichNothingIsMissed) {
  Node& a = add_node();
  Node& b = add_node();
  publish_many(a, "news", 1, 3);
  std::size_t published = 3;
  for (int round = 0; round < 20; ++round) {
    // Some on their way while the other begins to listen.
    std::optional<StreamPosition> from;
    std::size_t landed = 0;
    place_->run([&] {
      b.heard->offsets.clear();
      const auto one = [&] {
        a.broker->publish(message("news", "x"), {.history = kKept},
                          [&](Result<StreamPosition> r) { landed += r ? 1 : 0; });
      };
      one();
      b.broker->listen("news", true, [&](Result<StreamPosition> r) { from = r.value_or(StreamPosition{}); });
      for (int n = 0; n < 5; ++n) one();
    });
    ASSERT_TRUE(until([&] { return landed == 6 && from; }));
    published += 6;
    publish(a, "news", "last");
    ++published;
    ASSERT_TRUE(until([&] {
      const auto& got = b.heard->offsets["news"];
      return !got.empty() && got.back() == published;
    }));
    place_->run([&] {
      std::vector<std::uint64_t> got = b.heard->offsets["news"];
      EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
      std::erase_if(got, [&](std::uint64_t offset) { return offset <= from->offset; });
      EXPECT_EQ(got.size(), published - from->offset) << "round " << round;
      b.broker->unlisten("news");
    });
  }
}

TEST_P(BrokerContract, WhoUnlistensHearsNothingMore) {
  Node& a = add_node();
  for (const char* channel : {"news", "#ann"}) {
    listen(a, channel);
    publish(a, channel, "heard");
    arrived(a, channel, 1);
    place_->run([&] { a.broker->unlisten(channel); });
    publish(a, channel, "unheard");
    listen(a, "marker");
    publish(a, "marker", "x");
    arrived(a, "marker", 1);
    place_->run([&] {
      EXPECT_EQ(texts(a.heard->got[channel]), "heard ");
      a.broker->unlisten("marker");
      a.heard->got.clear();
    });
  }
}

TEST_P(BrokerContract, TwoNodesThatPublishAtOnceLeaveNoHole) {
  Node& a = add_node();
  Node& b = add_node();
  listen(a, "news");
  listen(b, "news");
  std::vector<std::uint64_t> given;
  place_->run([&] {
    for (int n = 0; n < 200; ++n) {
      for (Node* node : {&a, &b}) {
        node->broker->publish(message("news", "x"), {.history = {.size = 1000, .time = std::chrono::hours{1}}},
                              [&](Result<StreamPosition> r) { given.push_back(r ? r->offset : 0); });
      }
    }
  });
  ASSERT_TRUE(until([&] { return given.size() == 400; }));
  for (Node* node : {&a, &b}) ASSERT_TRUE(until([&] { return node->heard->offsets["news"].size() == 400; }));
  std::vector<std::uint64_t> all(400);
  for (std::size_t n = 0; n < 400; ++n) all[n] = n + 1;
  place_->run([&] {
    std::sort(given.begin(), given.end());
    EXPECT_EQ(given, all);
    EXPECT_EQ(a.heard->offsets["news"], all);
    EXPECT_EQ(b.heard->offsets["news"], all);
  });
}

TEST_P(BrokerContract, UnderOneKeyAPublicationIsPublishedOnce) {
  Node& a = add_node();
  Node& b = add_node();
  listen(a, "news");
  listen(a, "chat", false);
  PublishOptions once{.history = kKept, .idempotency_key = "k"};
  const StreamPosition first = publish(a, "news", "one", once);
  publish(a, "news", "between");
  EXPECT_EQ(publish(b, "news", "one", once), first);
  EXPECT_EQ(publish(b, "news:k", "of another channel", once).offset, 1U);
  once.idempotency_key = "l";
  EXPECT_EQ(publish(b, "news", "two", once).offset, 3U);
  PublishOptions passing{.idempotency_key = "k"};
  publish(a, "chat", "one", passing);
  publish(b, "chat", "one", passing);
  publish(b, "chat", "two", {});
  EXPECT_EQ(arrived(a, "chat", 2), "one two ");
  EXPECT_EQ(arrived(a, "news", 3), "one between two ");
}

TEST_P(BrokerContract, APublicationOfAnOldVersionIsPassedOver) {
  Node& a = add_node();
  listen(a, "news");
  const auto of = [](std::uint64_t version, std::uint64_t epoch = 0) {
    PublishOptions options{.history = kKept};
    options.history.version = version;
    options.history.version_epoch = epoch;
    return options;
  };
  EXPECT_EQ(publish(a, "news", "nine", of(9)).offset, 1U);
  EXPECT_EQ(publish(a, "news", "late", of(9)).offset, 1U);
  EXPECT_EQ(publish(a, "news", "ten", of(10)).offset, 2U) << "as numbers, not as texts";
  EXPECT_EQ(publish(a, "news", "late", of(2)).offset, 2U);
  EXPECT_EQ(publish(a, "news", "plain").offset, 3U);
  EXPECT_EQ(publish(a, "news", "late", of(10)).offset, 3U);
  EXPECT_EQ(publish(a, "news", "other epoch", of(1, 77)).offset, 4U);
  EXPECT_EQ(publish(a, "news", "late", of(1, 77)).offset, 4U);
  EXPECT_EQ(publish(a, "news", "late in any", of(1)).offset, 4U);
  EXPECT_EQ(publish(a, "news", "largest", of(~std::uint64_t{0}, 77)).offset, 5U);
  EXPECT_EQ(publish(a, "news", "one less", of(~std::uint64_t{0} - 1, 77)).offset, 5U);
  EXPECT_EQ(arrived(a, "news", 5), "nine ten plain other epoch largest ");
}

TEST_P(BrokerContract, ClearedHistoryKeepsItsPosition) {
  Node& a = add_node();
  publish_many(a, "news", 1, 3);
  const StreamPosition top = listen(a, "news");
  EXPECT_EQ(top.offset, 3U);
  clear(a, "news");
  clear(a, "never seen");
  EXPECT_EQ(history(a, "news"), "");
  EXPECT_FALSE(recover(a, "news", {1, top.epoch}).recovered);
  EXPECT_TRUE(recover(a, "news", top).recovered);
  EXPECT_EQ(publish(a, "news", "4"), (StreamPosition{4, top.epoch}));
  EXPECT_EQ(history(a, "news"), "4 ");
}

TEST_P(BrokerContract, EachPublicationIsKeptForItsTime) {
  Node& a = add_node();
  const PublishOptions brief{.history = {.size = 100, .time = std::chrono::milliseconds{400}}};
  const std::uint64_t epoch = publish(a, "news", "first", brief).epoch;
  publish(a, "news", "second", brief);
  // The newer ones keep the stream, and not the older ones with them.
  bool went_alone = false;
  for (int n = 3; n < 100 && !went_alone; ++n) {
    publish(a, "news", std::to_string(n), brief);
    int turns = 0;
    until([&turns] { return ++turns > 20; });
    const std::string left = history(a, "news");
    went_alone = !left.empty() && left.find("second") == std::string::npos;
  }
  EXPECT_TRUE(went_alone);
  EXPECT_FALSE(recover(a, "news", {0, epoch}).recovered);
  EXPECT_TRUE(comes_to([&] { return history(a, "news"); }, ""));
  EXPECT_EQ(read(a, "news", {.limit = 0})->top.epoch, epoch);
  EXPECT_GT(read(a, "news", {.limit = 0})->top.offset, 2U);
}

TEST_P(BrokerContract, AStreamThatNobodyHasPublishedToHasAPositionThatStays) {
  Node& a = add_node();
  Node& b = add_node();
  const StreamPosition begin = listen(a, "news");
  EXPECT_EQ(begin.offset, 0U);
  EXPECT_EQ(read(b, "news", {.limit = 0})->top, begin);
  EXPECT_TRUE(recover(b, "news", begin).recovered);
  publish(b, "news", "1");
  const Recovered got = recover(b, "news", begin);
  EXPECT_TRUE(got.recovered);
  EXPECT_EQ(texts(got.publications), "1 ");
}

TEST_P(BrokerContract, LongAnswersComeWhole) {
  Node& a = add_node();
  listen(a, "news");
  std::string want;
  for (int n = 0; n < 60; ++n) {
    const std::string data = std::to_string(n) + std::string(60'000, 'x');
    publish(a, "news", data);
    want += data + " ";
  }
  const Recovered got = recover(a, "news", {0, kAnyEpoch});
  EXPECT_TRUE(got.recovered);
  EXPECT_EQ(got.publications.size(), 60U);
  EXPECT_TRUE(texts(got.publications) == want);
  EXPECT_EQ(recover(a, "news", {0, kAnyEpoch}, 37).publications.size(), 37U);
  EXPECT_TRUE(history(a, "news") == want);
  EXPECT_EQ(read(a, "news", {.limit = 50, .reverse = true})->publications.back()->offset, 11U);
  EXPECT_TRUE(arrived(a, "news", 60) == want);
}

/// What a recovery may give: the model says whether it is there, and it comes oldest first.
inline std::string recovery_text(const Recovered& r, std::size_t most) {
  std::string text = std::to_string(r.top.offset) + (r.recovered ? " all " : " lost ");
  for (std::size_t n = 0; n < r.publications.size() && n < most; ++n) {
    text += r.publications[n]->data + "@" + std::to_string(r.publications[n]->offset) + " ";
  }
  return text;
}

TEST_P(BrokerContract, AgreesWithStreamsOverRandomStories) {
  Node& a = add_node();
  Node& b = add_node();
  std::mt19937 random(6);
  const auto pick = [&random](unsigned n) { return static_cast<unsigned>(random()) % n; };
  ManualClock clock;
  Streams model({}, clock, 7);
  const HistoryOptions small{.size = 10, .time = std::chrono::hours{1}};
  std::map<std::string, std::uint64_t> epochs;
  unsigned recovered = 0, lost = 0;
  for (int step = 0; step < 800; ++step) {
    const std::string channel = (pick(2) == 0 ? "#c" : "c") + std::to_string(pick(4));
    Node& node = pick(2) == 0 ? a : b;
    if (!epochs.contains(channel)) epochs[channel] = read(node, channel, {.limit = 0})->top.epoch;
    const std::uint64_t top = model.position(channel).offset;
    const auto any_offset = [&] { return top + 2 - std::min<std::uint64_t>(top + 2, pick(16)); };
    const unsigned epoch = pick(8);
    const auto as = [&](std::uint64_t current) { return epoch == 0 ? kAnyEpoch : epoch == 1 ? kNoEpoch : current; };
    const std::uint64_t ours = as(epochs[channel]), models = as(model.position(channel).epoch);
    switch (pick(10)) {
      case 0:
        if (pick(5) == 0) {
          clear(node, channel);
          model.clear(channel);
        }
        break;
      case 1:
      case 2:
      case 3: {
        auto p = message(channel, std::to_string(step));
        HistoryOptions options = small;
        if (pick(3) == 0) options.version = 1 + pick(20);
        if (pick(3) == 0) options.version_epoch = 1 + pick(2);
        const auto place = publish(node, channel, p->data, {.history = options});
        ASSERT_EQ(place, (StreamPosition{model.append(p, options).offset, epochs[channel]})) << step;
        break;
      }
      case 4:
      case 5:
      case 6: {
        const std::uint64_t since = any_offset();
        const std::uint32_t most = 1 + pick(12);
        const Recovered want = model.recover(channel, {since, models}, Streams::Bounded::by_history);
        const Recovered got = recover(node, channel, {since, ours}, most);
        ASSERT_EQ(recovery_text(got, 1000), recovery_text(want, most)) << step;
        ASSERT_EQ(got.top.epoch, epochs[channel]);
        ++(got.recovered ? recovered : lost);
        break;
      }
      default: {
        HistoryQuery query{.limit = static_cast<std::int32_t>(pick(14)) - 1, .reverse = pick(2) == 0};
        HistoryQuery model_query = query;
        if (pick(3) > 0) {
          const std::uint64_t since = any_offset();
          query.since = {since, ours};
          model_query.since = {since, models};
        }
        const auto want = model.read(channel, model_query);
        const auto got = read(node, channel, query);
        ASSERT_EQ(got.has_value(), want.has_value()) << step;
        if (!want) {
          ASSERT_EQ(got.error().code, want.error().code) << step;
        } else {
          ASSERT_EQ(texts(got->publications), texts(want->publications)) << step;
          ASSERT_EQ(got->top.offset, want->top.offset) << step;
        }
      }
    }
  }
  EXPECT_GT(recovered, 60U);
  EXPECT_GT(lost, 20U);
}

}  // namespace gatecast::broker
