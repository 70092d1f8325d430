// Cases of broker/contract.hpp: what happens when the truth is out of reach, empty, or another. Place: included by
// contract_suite.hpp.
#pragma once

#include "broker/contract.hpp"

namespace gatecast::broker {

class BrokerFaultContract : public BrokerContract {
 protected:
  /// Publishes until it is answered: what was under way when the server went is lost.
  StreamPosition publish_in_time(Node& node, const std::string& channel, const std::string& data) {
    for (int n = 0; n < 200; ++n) {
      if (const auto place = try_publish(node, channel, data)) return *place;
    }
    ADD_FAILURE() << "never in touch again";
    return {};
  }
  unsigned interruptions(Node& node, const std::string& channel) {
    unsigned count = 0;
    place_->run([&] { count = node.heard->interrupted[channel]; });
    return count;
  }
  bool interrupted_again(Node& node, const std::string& channel, unsigned before) {
    return until([&] { return node.heard->interrupted[channel] > before; });
  }
};

TEST_P(BrokerFaultContract, AfterAnInterruptionTheHistoryHasWhatWasMissed) {
  Node& a = add_node();
  const std::vector<std::string> channels{"news", "#ann", "#bob"};
  std::map<std::string, StreamPosition> at;
  for (const auto& channel : channels) at[channel] = listen(a, channel);
  listen(a, "chat", false);
  for (int round = 1; round <= 3; ++round) {
    std::map<std::string, unsigned> before;
    for (const auto& channel : channels) before[channel] = interruptions(a, channel);
    const unsigned chat = interruptions(a, "chat");
    place_->interrupt();
    for (const auto& channel : channels) at[channel] = publish_in_time(a, channel, std::to_string(round));
    for (const auto& channel : channels) EXPECT_TRUE(interrupted_again(a, channel, before[channel])) << channel;
    EXPECT_TRUE(interrupted_again(a, "chat", chat));
    place_->run([&] { a.heard->got.clear(); });
    for (const auto& channel : channels) {
      const Recovered got = recover(a, channel, {0, at[channel].epoch});
      EXPECT_TRUE(got.recovered);
      EXPECT_GE(got.publications.size(), static_cast<std::size_t>(round));
      EXPECT_EQ(got.publications.back()->data, std::to_string(round));
      // And from now on everything comes again.
      publish(a, channel, "after");
      EXPECT_TRUE(until([&] {
        const auto& heard = a.heard->got[channel];
        return !heard.empty() && heard.back()->data == "after";
      }));
    }
  }
}

TEST_P(BrokerFaultContract, WithinOneStandingConnectionNothingIsMissed) {
  Node& a = add_node();
  Node& b = add_node();
  const StreamPosition from = listen(a, "news");
  // What came by the topic, and what each interruption gave from the history, are together everything.
  std::uint64_t top = 0, answered = 0;
  for (int round = 0; round < 4; ++round) {
    place_->run([&] {
      for (int n = 0; n < 50; ++n) {
        b.broker->publish(message("news", "x"), {.history = {.size = 10'000, .time = std::chrono::hours{1}}},
                          [&](Result<StreamPosition> r) {
                            ++answered;
                            if (r) top = std::max(top, r->offset);
                          });
      }
    });
    if (round % 2 == 1) place_->interrupt();
    ASSERT_TRUE(until([&] { return answered == 50U * (static_cast<unsigned>(round) + 1); }));
  }
  const unsigned before = interruptions(a, "news");
  place_->interrupt();
  ASSERT_TRUE(interrupted_again(a, "news", before));
  top = publish_in_time(b, "news", "last").offset;
  ASSERT_TRUE(until([&] { return !a.heard->offsets["news"].empty() && a.heard->offsets["news"].back() >= top; }));
  const Recovered got = recover(a, "news", from, 10'000);
  EXPECT_TRUE(got.recovered);
  ASSERT_EQ(got.publications.size(), top);
  for (std::size_t n = 0; n < got.publications.size(); ++n) EXPECT_EQ(got.publications[n]->offset, n + 1);
  place_->run([&] { EXPECT_TRUE(std::is_sorted(a.heard->offsets["news"].begin(), a.heard->offsets["news"].end())); });
}

TEST_P(BrokerFaultContract, OutOfTouchEverythingFailsInTimeAndComesBack) {
  Node& a = add_node();
  const StreamPosition at = listen(a, "news");
  publish(a, "news", "1");
  place_->lose();
  EXPECT_EQ(try_publish(a, "news", "2").error().code, Errc::temporarily_unavailable);
  const auto listened =
      outcome<StreamPosition>([&](Done<StreamPosition> done) { a.broker->listen("other", true, std::move(done)); });
  ASSERT_FALSE(listened);
  EXPECT_EQ(listened.error().code, Errc::temporarily_unavailable);
  EXPECT_FALSE(read(a, "news"));
  EXPECT_FALSE(outcome<Recovered>([&](Done<Recovered> done) { a.broker->recover("news", at, 10, std::move(done)); }));
  EXPECT_FALSE(outcome<void>([&](Done<void> done) { a.broker->clear("news", std::move(done)); }));
  EXPECT_TRUE(until([&] { return !a.broker->in_touch(); }));
  place_->mend();
  EXPECT_TRUE(until([&] { return a.broker->in_touch(); }));
  const StreamPosition now = publish_in_time(a, "news", "3");
  EXPECT_EQ(now.epoch, at.epoch);
  const Recovered got = recover(a, "news", at);
  EXPECT_TRUE(got.recovered);
  EXPECT_EQ(got.publications.front()->data, "1");
  EXPECT_EQ(got.publications.back()->data, "3");
  listen(a, "other");
  publish(a, "other", "x");
  EXPECT_EQ(arrived(a, "other", 1), "x ");
}

TEST_P(BrokerFaultContract, AfterARestartWithNothingEveryStreamIsAnother) {
  Node& a = add_node();
  const StreamPosition begin = listen(a, "news");
  publish_many(a, "news", 1, 5);
  const unsigned before = interruptions(a, "news");
  place_->restart_empty();
  ASSERT_TRUE(interrupted_again(a, "news", before));
  for (const std::uint64_t offset : {0U, 3U, 5U}) {
    const Recovered got = recover(a, "news", {offset, begin.epoch});
    EXPECT_FALSE(got.recovered) << offset;
    EXPECT_EQ(got.top.offset, 0U);
    EXPECT_NE(got.top.epoch, begin.epoch);
  }
  const StreamPosition first = publish_in_time(a, "news", "again");
  EXPECT_EQ(first.offset, 1U);
  EXPECT_NE(first.epoch, begin.epoch);
  EXPECT_FALSE(recover(a, "news", {1, begin.epoch}).recovered);
  EXPECT_TRUE(recover(a, "news", {0, first.epoch}).recovered);
  EXPECT_EQ(read(a, "news", {.limit = -1, .since = begin}).error().code, Errc::unrecoverable_position);
  ASSERT_TRUE(until([&] { return a.heard->got["news"].back()->data == "again"; }));
}

TEST_P(BrokerFaultContract, DurableIsDoneOnceAReplicaHasIt) {
  Node& a = add_node();
  PublishOptions durable{.history = kKept, .durable = true};
  if (!place_->add_replica()) GTEST_SKIP() << "no replicas";
  // A replica that has just come may take a while to say what it has.
  durable.idempotency_key = "first";
  bool stands = false;
  for (int tries = 0; tries < 10 && !stands; ++tries) stands = try_publish(a, "news", "1", durable).has_value();
  ASSERT_TRUE(stands);
  durable.idempotency_key.clear();
  place_->freeze_replica();
  const auto unconfirmed = try_publish(a, "news", "2", durable);
  ASSERT_FALSE(unconfirmed);
  EXPECT_EQ(unconfirmed.error().code, Errc::publication_unconfirmed);
  EXPECT_EQ(history(a, "news"), "1 2 ") << "it stands on one server";
}

TEST_P(BrokerFaultContract, DurableWithoutAReplicaIsUnconfirmed) {
  Node& a = add_node();
  PublishOptions durable{.history = kKept, .durable = true, .idempotency_key = "k"};
  const auto unconfirmed = try_publish(a, "news", "1", durable);
  ASSERT_FALSE(unconfirmed);
  EXPECT_EQ(unconfirmed.error().code, Errc::publication_unconfirmed);
  durable.durable = false;
  EXPECT_EQ(publish(a, "news", "1", durable).offset, 1U);
  EXPECT_EQ(history(a, "news"), "1 ");
}

TEST_P(BrokerFaultContract, AReplicaFivePublicationsBehindMakesNobodyMissOneSilently) {
  Node& a = add_node();
  Node& b = add_node();
  const std::uint64_t old = listen(a, "news").epoch;
  const std::uint64_t quiet = listen(a, "quiet").epoch;
  publish_many(a, "quiet", 1, 2);
  publish_many(a, "news", 1, 2);
  if (!place_->add_replica()) GTEST_SKIP() << "no replicas";
  // The server may call itself otherwise from here on, as it does with its first replica.
  publish_many(a, "news", 3, 10);
  const std::uint64_t before_fork = read(a, "news", {.limit = 0})->top.epoch;
  place_->freeze_replica();
  publish_many(a, "news", 11, 15);
  ASSERT_EQ(read(a, "news", {.limit = 0})->top, (StreamPosition{15, before_fork}));
  const unsigned interrupted = interruptions(a, "news");
  place_->promote_replica();
  ASSERT_TRUE(interrupted_again(a, "news", interrupted));
  ASSERT_TRUE(until([&] { return a.broker->in_touch() && b.broker->in_touch(); }));

  const StreamPosition top = read(a, "news", {.limit = 0})->top;
  EXPECT_EQ(top.offset, 10U);
  EXPECT_NE(top.epoch, before_fork);
  EXPECT_EQ(publish_in_time(b, "news", "eleven"), (StreamPosition{11, top.epoch}));
  EXPECT_EQ(publish_in_time(a, "news", "twelve"), (StreamPosition{12, top.epoch}));
  // Whoever stands at or below what this server has goes on exactly.
  for (std::uint64_t since = 0; since <= 10; ++since) {
    const Recovered got = recover(b, "news", {since, before_fork});
    ASSERT_TRUE(got.recovered) << since;
    ASSERT_EQ(got.top, (StreamPosition{12, top.epoch}));
    ASSERT_EQ(got.publications.size(), 12 - since);
    for (std::size_t n = 0; n < got.publications.size(); ++n) {
      EXPECT_EQ(got.publications[n]->offset, since + 1 + n);
      EXPECT_EQ(got.publications[n]->epoch, top.epoch);
    }
    EXPECT_EQ(got.publications.back()->data, "twelve");
    EXPECT_TRUE(read(a, "news", {.limit = 0, .since = StreamPosition{since, before_fork}}));
  }
  // Whoever had one of the lost five is told, though the offset is there again.
  for (std::uint64_t since = 11; since <= 15; ++since) {
    EXPECT_FALSE(recover(b, "news", {since, before_fork}).recovered) << since;
    EXPECT_EQ(read(a, "news", {.limit = 0, .since = StreamPosition{since, before_fork}}).error().code,
              Errc::unrecoverable_position);
  }
  // The epoch from before the server called itself otherwise is known up to there as well.
  EXPECT_TRUE(recover(b, "news", {2, old}).recovered);
  if (old != before_fork) EXPECT_FALSE(recover(b, "news", {3, old}).recovered);
  EXPECT_TRUE(recover(b, "quiet", {2, quiet}).recovered);
  EXPECT_TRUE(recover(b, "news", {11, kAnyEpoch}).recovered);
  publish(a, "news", "thirteen");
  ASSERT_TRUE(until([&] { return a.heard->got["news"].back()->data == "thirteen"; }));
}

}  // namespace gatecast::broker
