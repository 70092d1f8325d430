// Sentinel and Cluster, with real servers.
#include "adapters/redis/slots.hpp"
#include "adapters/redis/test_client.hpp"
#include "broker/redis_url.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;
using testing::At;
using testing::code_of;
using testing::Notes;
using testing::TestRedis;

TEST(RedisSentinel, AFailoverIsFollowedAndTopicsAreTold) {
  TestRedis master;
  auto replica = master.add_replica();
  TestRedis sentinel({"--sentinel"});
  const std::string port = std::to_string(master.port());
  sentinel.command({"SENTINEL", "MONITOR", "mymaster", "127.0.0.1", port, "1"});
  sentinel.command({"SENTINEL", "SET", "mymaster", "down-after-milliseconds", "500"});
  // A second one that nobody runs is passed over.
  Notes notes;
  At at(fmt::format("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/mymaster", testing::free_port(), sentinel.port()));
  at.loop().call([&] { at.client().listen("a", notes); });
  ASSERT_TRUE(at.touch()) << at.trouble();
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 1; }));
  EXPECT_EQ(at.command({"SET", "a", "1"})->text, "OK");
  ASSERT_TRUE(
      at.loop().until([&] { return sentinel.command({"SENTINEL", "REPLICAS", "mymaster"}).items.size() == 1; }, 15s));
  // WAIT is for what its own connection has written; all before it has arrived with that.
  master.command({"SET", "mark", "1"});
  EXPECT_GE(master.command({"WAIT", "1", "3000"}).number, 1);
  ASSERT_TRUE(
      at.loop().until([&] { return sentinel.command({"SENTINEL", "FAILOVER", "mymaster"}).text == "OK"; }, 15s));
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() >= 2; }, 20s)) << at.trouble();
  ASSERT_TRUE(at.touch(10s));
  EXPECT_EQ(at.command({"GET", "a"})->text, "1");
  EXPECT_EQ(at.command({"SET", "b", "2"})->text, "OK");
  EXPECT_EQ(replica->command({"GET", "b"}).text, "2");
  replica->command({"PUBLISH", "a", "x"});
  EXPECT_TRUE(at.loop().until([&] { return notes.messages == std::vector<std::string>{"a=x"}; }));
}

TEST(RedisSentinel, ANameNobodyKnowsAndAServerThatIsNoneAreRefused) {
  TestRedis sentinel({"--sentinel"});
  EXPECT_TRUE(At(fmt::format("redis+sentinel://127.0.0.1:{}/nobody", sentinel.port())).refusal().contains("nobody"));
  TestRedis plain;
  EXPECT_TRUE(At(fmt::format("redis+sentinel://127.0.0.1:{}/m", plain.port())).refusal().contains("no sentinel"));
  EXPECT_TRUE(At(sentinel.url()).refusal().contains("sentinel"));
}

class RedisCluster : public ::testing::Test {
 protected:
  RedisCluster() {
    for (int i = 0; i < 3; ++i) add();
    const std::string_view ranges[3][2] = {{"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}};
    for (std::size_t i = 0; i < 3; ++i) {
      servers_[i]->command({"CLUSTER", "ADDSLOTSRANGE", ranges[i][0], ranges[i][1]});
      const std::string epoch = std::to_string(i + 1);
      servers_[i]->command({"CLUSTER", "SET-CONFIG-EPOCH", epoch});
    }
    for (std::size_t i = 1; i < 3; ++i) meet(i);
    testing::LoopThread loop;
    EXPECT_TRUE(loop.until([this] { return agree(); }, 15s));
  }
  void add() {
    const std::string bus = std::to_string(testing::free_port());
    servers_.push_back(std::make_unique<TestRedis>(
        std::vector<std::string>{"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1000",
                                 "--cluster-replica-validity-factor", "0", "--cluster-require-full-coverage", "yes"}));
    buses_.push_back(bus);
  }
  void meet(std::size_t who) {
    const std::string port = std::to_string(servers_[0]->port());
    servers_[who]->command({"CLUSTER", "MEET", "127.0.0.1", port, buses_[0]});
  }
  bool agree() {
    return std::all_of(servers_.begin(), servers_.end(), [this](auto& one) {
      const auto info = one->command({"CLUSTER", "INFO"}).text;
      return info.contains("cluster_state:ok") && info.contains(fmt::format("cluster_known_nodes:{}", servers_.size()));
    });
  }
  std::string url() const { return fmt::format("redis+cluster://127.0.0.1:{}", servers_[0]->port()); }
  std::string id(std::size_t i) { return servers_[i]->command({"CLUSTER", "MYID"}).text; }
  std::size_t owner(std::string_view key) const { return slot_of(key) <= 5460 ? 0 : slot_of(key) <= 10922 ? 1 : 2; }

  std::vector<std::unique_ptr<TestRedis>> servers_{};
  std::vector<std::string> buses_{};
};

TEST_F(RedisCluster, KeysAndTopicsGoToTheirOwnersAndFollowASlotThatMoves) {
  static const Script script("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  EXPECT_TRUE(At(servers_[0]->url()).refusal().contains("redis+cluster"));
  Notes notes;
  At at(url());
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) names.push_back(fmt::format("{{{}}}t", i));
  at.loop().call([&] {
    for (const auto& name : names) at.client().listen(name, notes);
  });
  ASSERT_TRUE(at.touch(10s)) << at.trouble();
  EXPECT_EQ(at.client().publish_verb(), "SPUBLISH");
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == names.size(); }));
  std::set<std::size_t> owners;
  for (const auto& name : names) {
    const auto ran = at.run(script, {name}, {"5"});
    ASSERT_TRUE(ran.has_value()) << ran.error().detail;
    EXPECT_EQ(ran->number, 5) << ran->text;
    EXPECT_EQ(at.command({"SPUBLISH", name, "x"}, name)->number, 1);
    owners.insert(owner(name));
  }
  EXPECT_EQ(owners.size(), 3u);
  ASSERT_TRUE(at.loop().until([&] { return notes.messages.size() == names.size(); }));

  // The slot of the first moves: first only half way (ASK), then for good (MOVED, unsolicited sunsubscribe).
  const std::string& name = names[0];
  const std::string slot = std::to_string(slot_of(name));
  const std::size_t from = owner(name);
  const std::size_t to = (from + 1) % 3;
  servers_[to]->command({"CLUSTER", "SETSLOT", slot, "IMPORTING", id(from)});
  servers_[from]->command({"CLUSTER", "SETSLOT", slot, "MIGRATING", id(to)});
  const std::string port = std::to_string(servers_[to]->port());
  servers_[from]->command({"MIGRATE", "127.0.0.1", port, name, "0", "3000"});
  const auto asked = at.run(script, {name}, {"1"});
  ASSERT_TRUE(asked.has_value()) << asked.error().detail;
  EXPECT_EQ(asked->number, 6) << asked->text;
  servers_[to]->command({"CLUSTER", "SETSLOT", slot, "NODE", id(to)});
  servers_[from]->command({"CLUSTER", "SETSLOT", slot, "NODE", id(to)});
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() > names.size(); }));
  EXPECT_EQ(notes.subscribed.back(), name);
  EXPECT_EQ(servers_[to]->command({"SPUBLISH", name, "moved"}).number, 1);
  ASSERT_TRUE(at.loop().until([&] { return notes.messages.back() == name + "=moved"; }));
  EXPECT_EQ(at.run(script, {name}, {"1"})->number, 7);
  ASSERT_TRUE(at.touch());
}

TEST_F(RedisCluster, AMasterThatDiesIsReplacedByItsReplica) {
  add();
  meet(3);
  ASSERT_TRUE(testing::LoopThread().until([this] { return agree(); }, 15s));
  const std::string master = id(2);
  ASSERT_TRUE(testing::LoopThread().until(
      [&] { return servers_[3]->command({"CLUSTER", "REPLICATE", master}).text == "OK"; }, 10s));
  ASSERT_TRUE(testing::LoopThread().until(
      [&] { return servers_[3]->command({"INFO", "replication"}).text.contains("master_link_status:up"); }, 15s));
  Notes notes;
  At at(url());
  at.loop().call([&] { at.client().listen("foo", notes); });
  ASSERT_TRUE(at.touch(10s)) << at.trouble();
  ASSERT_EQ(owner("foo"), 2u);
  EXPECT_EQ(at.command({"SET", "foo", "1"}, "foo")->text, "OK");
  ASSERT_TRUE(testing::LoopThread().until([&] { return servers_[3]->command({"DBSIZE"}).number == 1; }, 10s));
  servers_[2]->kill();
  ASSERT_TRUE(at.lost());
  // The others' slots are served on.
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() >= 2; }, 20s)) << at.trouble();
  ASSERT_TRUE(at.touch(10s)) << at.trouble();
  EXPECT_EQ(at.command({"GET", "foo"}, "foo")->text, "1");
  EXPECT_EQ(at.command({"SPUBLISH", "foo", "x"}, "foo")->number, 1);
}

}  // namespace
}  // namespace gatecast::redis
