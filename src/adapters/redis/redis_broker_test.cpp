// The broker on Redis beyond its contract: what lies in the server, what evicting or damaging it does, leases.
#include "adapters/redis/redis_broker.hpp"

#include <gtest/gtest.h>

#include "adapters/redis/broker_place.hpp"
#include "adapters/redis/publication_text.hpp"
#include "metrics/registry.hpp"

namespace gatecast::redis {
namespace {

using broker::kAnyEpoch;
using broker::Recovered;
using broker::StreamPosition;

class RedisBrokerTest : public broker::BrokerContract {
 protected:
  testing::RedisPlace& redis() { return static_cast<testing::RedisPlace&>(*place_); }
  Value command(const std::vector<std::string_view>& texts) { return redis().server().command(texts); }
  std::string key(Names::Kind kind, std::string_view channel) { return Names("test:").key(kind, channel); }
  std::string info(std::string_view section, std::string_view name) {
    const std::string all = command({"INFO", section}).text;
    const auto at = all.find(std::string(name) + ":");
    return at == std::string::npos ? "" : all.substr(at, all.find('\r', at) - at);
  }
};

TEST_P(RedisBrokerTest, WhatIsKeptHasAnEnd) {
  Node& a = add_node();
  publish(a, "news", "1", {.history = {.size = 10, .time = std::chrono::seconds{100}}, .idempotency_key = "k"});
  const auto left = [&](const std::string& name) { return command({"PTTL", name}).number; };
  EXPECT_GT(left(key(Names::stream, "news")), 90'000);
  EXPECT_LE(left(key(Names::stream, "news")), 100'000);
  EXPECT_GT(left(key(Names::meta, "news")), 29 * 86'400'000LL);
  EXPECT_GT(left(Names("test:").once_key("news", "k")), 290'000);
  EXPECT_EQ(history(a, "looked at"), "");
  EXPECT_LE(left(key(Names::meta, "looked at")), 3'600'000);
  EXPECT_GT(left(key(Names::meta, "looked at")), 3'000'000);
  listen(a, "looked at");
  EXPECT_GT(left(key(Names::meta, "looked at")), 29 * 86'400'000LL);
}

TEST_P(RedisBrokerTest, ReadingChangesNothingWhereNothingHasToBe) {
  Node& a = add_node();
  publish_many(a, "news", 1, 5);
  const auto top = read(a, "news")->top;
  const std::string before = info("persistence", "rdb_changes_since_last_save");
  for (int n = 0; n < 5; ++n) {
    recover(a, "news", {2, top.epoch});
    history(a, "news");
    present(a, "news");
  }
  // A heartbeat may have come between.
  const auto changes = [](const std::string& text) { return std::stoi(text.substr(text.find(':') + 1)); };
  EXPECT_LT(changes(info("persistence", "rdb_changes_since_last_save")) - changes(before), 5);
}

TEST_P(RedisBrokerTest, AStreamWhosePositionWasEvictedBeginsAnew) {
  Node& a = add_node();
  publish_many(a, "news", 1, 5);
  const StreamPosition before = read(a, "news")->top;
  command({"DEL", key(Names::meta, "news")});
  const StreamPosition first = publish(a, "news", "again");
  EXPECT_EQ(first.offset, 1U);
  EXPECT_NE(first.epoch, before.epoch);
  EXPECT_EQ(history(a, "news"), "again ");
  EXPECT_FALSE(recover(a, "news", {1, before.epoch}).recovered);
}

TEST_P(RedisBrokerTest, AStreamWhosePublicationsWereEvictedGoesOn) {
  Node& a = add_node();
  publish_many(a, "news", 1, 5);
  const StreamPosition before = read(a, "news")->top;
  command({"DEL", key(Names::stream, "news")});
  EXPECT_FALSE(recover(a, "news", {4, before.epoch}).recovered);
  EXPECT_TRUE(recover(a, "news", before).recovered);
  EXPECT_EQ(publish(a, "news", "6"), (StreamPosition{6, before.epoch}));
  EXPECT_TRUE(recover(a, "news", before).recovered);
}

TEST_P(RedisBrokerTest, WhatIsNotOursIsDroppedAndNeverTakenForComplete) {
  Node& a = add_node();
  listen(a, "news");
  listen(a, "#ann");
  const double dropped = metrics::total("broker_dropped_total");
  const Names names("test:");
  for (const std::string& topic : {names.topic("news"), names.topic("#ann")}) {
    for (const char* payload : {"", "garbage", "1:2:", "1:2:x", "1:2:4:#ann", "1:2:4:#annx"}) {
      command({"PUBLISH", topic, payload});
    }
  }
  publish(a, "news", "1");
  publish(a, "#ann", "1");
  EXPECT_EQ(arrived(a, "news", 1), "1 ");
  EXPECT_EQ(arrived(a, "#ann", 1), "1 ");
  EXPECT_EQ(metrics::total("broker_dropped_total") - dropped, 12);

  publish(a, "news", "2");
  const StreamPosition top = read(a, "news")->top;
  command({"HSET", key(Names::meta, "news"), "o", "3"});
  command({"XADD", key(Names::stream, "news"), "3-0", "t", "9999999999999", "d", "garbage"});
  EXPECT_EQ(history(a, "news"), "1 2 ");
  EXPECT_FALSE(recover(a, "news", {1, top.epoch}).recovered);
}

TEST_P(RedisBrokerTest, AFullServerRefusesAndKeepsTheOrder) {
  Node& a = add_node();
  publish(a, "news", "1");
  command({"CONFIG", "SET", "maxmemory", "1"});
  const auto refused = try_publish(a, "news", "lost");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
  EXPECT_EQ(history(a, "news"), "1 ");
  command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(publish(a, "news", "2").offset, 2U);
}

TEST_P(RedisBrokerTest, ThousandsOfChannelsAreAllInterruptedAndGoOn) {
  Node& a = add_node();
  std::size_t listening = 0;
  place_->run([&] {
    for (int n = 0; n < 3000; ++n) {
      a.broker->listen((n % 2 == 0 ? "#c" : "c") + std::to_string(n), true,
                       [&](Result<StreamPosition> r) { listening += r ? 1 : 0; });
    }
  });
  ASSERT_TRUE(until([&] { return listening == 3000; }));
  place_->interrupt();
  ASSERT_TRUE(until([&] { return a.heard->interrupted.size() == 3000; }));
  publish(a, "#c2998", "x");
  publish(a, "c2999", "x");
  EXPECT_EQ(arrived(a, "#c2998", 1), "x ");
  EXPECT_EQ(arrived(a, "c2999", 1), "x ");
}

TEST_P(RedisBrokerTest, AnOutageLongerThanALeaseTakesNobodyAway) {
  Node& a = add_node();
  Node& b = add_node();
  listen(b, "news", false);
  enter(a, "news", "ann", "a1");
  ASSERT_TRUE(comes_to([&] { return told(b, "news"); }, "+ann "));
  // All have been in touch for long enough to claim.
  int turns = 0;
  until([&turns] { return ++turns > 300; });
  place_->lose();
  turns = 0;
  until([&turns] { return ++turns > 400; });
  place_->mend();
  turns = 0;
  until([&turns] { return ++turns > 300; });
  EXPECT_TRUE(comes_to([&] { return present(b, "news"); }, "ann/a1 "));
  EXPECT_EQ(told(b, "news"), "+ann ");
}

TEST_P(RedisBrokerTest, ANodeThatWasTakenForDeadEntersEverybodyAgain) {
  Node& b = add_node();
  listen(b, "news", false);
  testing::LoopThread other;
  broker::Heard heard;
  std::unique_ptr<RedisBroker> slow;
  other.call([&] {
    slow = std::move(*RedisBroker::make(other.loop(), redis().options()));
    slow->start(heard);
    slow->enter("news", somebody("ann", "a1"), true, true);
    slow->enter("news", somebody("bob", "b1"), true, true);
  });
  ASSERT_TRUE(comes_to([&] { return present(b, "news"); }, "ann/a1 bob/b1 "));
  // Its thread stands still for longer than its lease.
  std::promise<void> go;
  other.loop().post([&go] { go.get_future().wait(); });
  EXPECT_TRUE(comes_to([&] { return present(b, "news"); }, ""));
  EXPECT_TRUE(comes_to([&] { return counted(b, "news"); }, "0 0"));
  EXPECT_TRUE(until([&] { return b.heard->told["news"].size() == 20; }));
  go.set_value();
  EXPECT_TRUE(comes_to([&] { return present(b, "news"); }, "ann/a1 bob/b1 "));
  EXPECT_EQ(counted(b, "news"), "2 2");
  EXPECT_TRUE(until([&] { return b.heard->told["news"].size() == 30; }));
  EXPECT_EQ(told(b, "news").find("-"), told(b, "news").find("-ann") != std::string::npos ? 10U : 0U);
  other.call([&] { slow.reset(); });
}

TEST_P(RedisBrokerTest, AUserOfTwoNodesIsCountedOnceAndAPageAtATimeIsTakenAway) {
  Node& a = add_node();
  Node& b = add_node();
  place_->run([&] {
    for (int n = 0; n < 1500; ++n) {
      a.broker->enter("crowd", somebody("u" + std::to_string(n % 10), "a" + std::to_string(n)), true, true);
    }
    b.broker->enter("crowd", somebody("u1", "b1"), true, true);
  });
  ASSERT_TRUE(comes_to([&] { return counted(b, "crowd"); }, "1501 10"));
  listen(b, "crowd", false);
  kill(a);
  EXPECT_TRUE(comes_to([&] { return counted(b, "crowd"); }, "1 1"));
  EXPECT_TRUE(until([&] { return std::ranges::count(b.heard->told["crowd"], '-') == 1500; }));
  EXPECT_TRUE(comes_to([&] { return command({"DBSIZE"}).number <= 6 ? std::string("few") : "many"; }, "few"));
}

INSTANTIATE_TEST_SUITE_P(Redis, RedisBrokerTest,
                         ::testing::Values(broker::BrokerKind{"standalone", &testing::make_redis_place}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace gatecast::redis
