#include "adapters/redis/test_client.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;
using testing::At;
using testing::code_of;
using testing::Notes;
using testing::TestRedis;

TEST(RedisClient, AnswersCommandsInOrder) {
  TestRedis server;
  At at(server.url());
  ASSERT_TRUE(at.touch());
  std::vector<std::int64_t> answers;
  at.loop().call([&] {
    for (int i = 0; i < 1000; ++i) {
      const std::string_view texts[] = {"INCR", "n"};
      at.client().command("n", texts, [&](Result<Value> value) { answers.push_back(value ? value->number : -1); });
    }
    EXPECT_TRUE(answers.empty());
  });
  ASSERT_TRUE(at.loop().until([&] { return answers.size() == 1000; }));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(answers[std::size_t(i)], i + 1);
  auto wrong = at.command({"INCR"});
  ASSERT_TRUE(wrong.has_value());
  EXPECT_TRUE(wrong->is_error());
}

TEST(RedisClient, CommandsBeforeTheFirstConnectionWaitForIt) {
  TestRedis server;
  At at(server.url());
  EXPECT_EQ(at.command({"SET", "a", std::string(200'000, 'x')})->text, "OK");
  EXPECT_EQ(at.command({"GET", "a"})->text.size(), 200'000u);
}

TEST(RedisClient, AScriptIsRunByHashAndKnownAgainAfterItWasForgotten) {
  static const Script script("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}");
  EXPECT_EQ(script.sha1().size(), 40u);
  TestRedis server;
  At at(server.url());
  for (int i = 1; i <= 3; ++i) {
    auto value = at.run(script, {"n"}, {"x"});
    ASSERT_TRUE(value.has_value());
    ASSERT_EQ(value->items.size(), 3u) << value->text;
    EXPECT_EQ(value->items[1].text, "x");
    EXPECT_EQ(value->items[2].number, i);
    if (i == 2) server.command({"SCRIPT", "FLUSH"});
  }
}

TEST(RedisClient, ScriptsKeepTheirOrderWhereTheServerKnowsOnlySome) {
  static const Script first("return redis.call('RPUSH', KEYS[1], 'first')");
  static const Script second("return redis.call('RPUSH', KEYS[1], 'second')");
  TestRedis server;
  server.command({"SCRIPT", "LOAD", second.source()});
  At at(server.url());
  int answers = 0;
  at.loop().call([&] {
    const std::string_view keys[] = {"order"};
    for (const Script* script : {&first, &second}) {
      at.client().run(*script, keys, {}, [&](const Result<Value>&) { ++answers; });
    }
  });
  ASSERT_TRUE(at.loop().until([&] { return answers == 2; }));
  EXPECT_EQ(server.command({"LINDEX", "order", "0"}).text, "first");
}

TEST(RedisClient, AServerThatRepeatsAnUnknownCommandDoesNotTellThePassword) {
  TestRedis server({"--rename-command", "HELLO", "SALUTE"});
  const std::string refusal = At("redis://:hidden@127.0.0.1:" + std::to_string(server.port())).refusal();
  EXPECT_TRUE(refusal.contains("unknown command")) << refusal;
  EXPECT_FALSE(refusal.contains("hidden")) << refusal;
}

TEST(RedisClient, TopicsAreHeardAndAgainAfterACut) {
  TestRedis server;
  Notes notes;
  At at(server.url());
  at.loop().call([&] {
    for (const char* name : {"a", "b"}) at.client().listen(name, notes);
  });
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 2; }));
  server.command({"PUBLISH", "a", "1"});
  ASSERT_TRUE(at.loop().until([&] { return notes.messages.size() == 1; }));
  EXPECT_EQ(notes.messages[0], "a=1");
  server.command({"CLIENT", "KILL", "TYPE", "pubsub"});
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 4; }));
  server.command({"PUBLISH", "b", "2"});
  ASSERT_TRUE(at.loop().until([&] { return notes.messages.size() == 2; }));
  at.loop().call([&] { at.client().unlisten("a"); });
  ASSERT_TRUE(at.loop().until([&] { return server.command({"PUBLISH", "a", "3"}).number == 0; }));
  at.loop().call([&] {
    at.client().unlisten("b");
    at.client().listen("b", notes);
  });
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 5; }));
  server.command({"PUBLISH", "b", "4"});
  ASSERT_TRUE(at.loop().until([&] { return notes.messages.size() == 3; }));
  EXPECT_EQ(notes.messages[2], "b=4");
}

TEST(RedisClient, ManyTopicsInBatches) {
  TestRedis server;
  Notes notes;
  At at(server.url());
  at.loop().call([&] {
    for (int i = 0; i < 5000; ++i) at.client().listen(fmt::format("t{}", i), notes);
  });
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 5000; }));
  ASSERT_TRUE(at.touch());
  server.restart();
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 10'000; }));
}

TEST(RedisClient, AServerThatStandsStillIsNoticedAndFoundAgain) {
  TestRedis server;
  At at(server.url());
  ASSERT_TRUE(at.touch());
  server.pause();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(at.command({"GET", "a"})), Errc::temporarily_unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1200ms);
  ASSERT_TRUE(at.lost());
  EXPECT_TRUE(at.trouble().contains(fmt::format("127.0.0.1:{}", server.port()))) << at.trouble();
  // Away for longer than a deadline: nobody waits any more.
  ASSERT_TRUE(at.loop().until(
      [&, since = std::chrono::steady_clock::now()] { return std::chrono::steady_clock::now() - since > 600ms; }));
  const auto again = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(at.command({"GET", "a"})), Errc::temporarily_unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - again, 300ms);
  server.resume();
  ASSERT_TRUE(at.touch());
  EXPECT_EQ(at.trouble(), "");
  EXPECT_EQ(at.command({"SET", "a", "1"})->text, "OK");
}

TEST(RedisClient, AKilledServerIsFoundAgainEmptyAndTopicsAreTold) {
  TestRedis server;
  Notes notes;
  At at(server.url());
  at.loop().call([&] { at.client().listen("a", notes); });
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 1; }));
  EXPECT_EQ(at.command({"SET", "a", "1"})->text, "OK");
  server.kill();
  ASSERT_TRUE(at.lost());
  server.start();
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 2; }));
  ASSERT_TRUE(at.touch());
  EXPECT_TRUE(at.command({"GET", "a"})->is_null());
}

TEST(RedisClient, RefusalsThatDoNotPassAreNamed) {
  TestRedis server({"--requirepass", "right"});
  const std::string port = std::to_string(server.port());
  EXPECT_TRUE(At("redis://127.0.0.1:" + port).refusal().contains("NOAUTH"));
  EXPECT_TRUE(At("redis://:wrong@127.0.0.1:" + port).refusal().contains("WRONGPASS"));
  EXPECT_TRUE(At("redis://:right@127.0.0.1:" + port + "/99").refusal().contains("DB index"));
  EXPECT_TRUE(At("redis+cluster://:right@127.0.0.1:" + port).refusal().contains("not a cluster"));
  At good("redis://:right@127.0.0.1:" + port + "/3");
  EXPECT_TRUE(good.touch());
  EXPECT_EQ(good.loop().call([&] { return good.client().refusal(); }), "");
  EXPECT_EQ(good.command({"SET", "a", "1"})->text, "OK");
  server.log_in_with("right");
  EXPECT_TRUE(server.command({"GET", "a"}).is_null());
  EXPECT_TRUE(server.command({"CLIENT", "LIST"}).text.contains("name=gatecast-test"));
}

TEST(RedisClient, AUserWithoutRightsToTheProbesTopicIsNamed) {
  TestRedis server;
  server.command({"ACL", "SETUSER", "u", "on", ">p", "~*", "&mine:*", "+@all"});
  const std::string url = fmt::format("redis://u:p@127.0.0.1:{}", server.port());
  EXPECT_TRUE(At(url).refusal().contains("NOPERM"));
  At good(url, {.url = {}, .prefix = "mine:"});
  EXPECT_TRUE(good.touch());
  // Once it has the rights nobody need start anything anew.
  At late(url);
  EXPECT_TRUE(late.refusal().contains("NOPERM"));
  server.command({"ACL", "SETUSER", "u", "&*"});
  EXPECT_TRUE(late.touch(10s));
}

TEST(RedisClient, AFullServerIsTriedAgain) {
  TestRedis server({"--maxclients", "1"});
  server.command({"PING"});
  At at(server.url());
  ASSERT_TRUE(at.loop().until([&] { return at.client().trouble().contains("max number of clients"); }));
  EXPECT_EQ(at.loop().call([&] { return at.client().refusal(); }), "");
  server.command({"CONFIG", "SET", "maxclients", "100"});
  EXPECT_TRUE(at.touch());
}

TEST(RedisClient, AReplicaIsNotUsedUntilItIsTheMaster) {
  TestRedis master;
  auto replica = master.add_replica();
  At at(replica->url());
  ASSERT_TRUE(at.loop().until([&] { return at.client().trouble().contains("is a replica"); }));
  replica->promote();
  ASSERT_TRUE(at.touch());
  EXPECT_EQ(at.command({"SET", "a", "1"})->text, "OK");
  // And one that becomes a replica while it is used is left.
  const std::string port = std::to_string(master.port());
  replica->command({"REPLICAOF", "127.0.0.1", port});
  EXPECT_TRUE(at.lost());
}

TEST(RedisClient, DurableWaitsForAReplica) {
  static const Script script("return redis.call('INCR', KEYS[1])");
  TestRedis master;
  At at(master.url());
  auto alone = at.run_durable(script, {"n"}, {}, 20ms);
  EXPECT_EQ(code_of(alone), Errc::publication_unconfirmed);
  EXPECT_EQ(master.command({"GET", "n"}).text, "1");
  auto replica = master.add_replica();
  master.command({"SCRIPT", "FLUSH"});
  auto two = at.run_durable(script, {"n"}, {}, 3s);
  ASSERT_TRUE(two.has_value()) << two.error().detail;
  EXPECT_EQ(two->number, 2);
  EXPECT_EQ(replica->command({"GET", "n"}).text, "2");
  std::vector<std::int64_t> answers;
  at.loop().call([&] {
    const std::string_view keys[] = {"n"};
    for (int i = 0; i < 700; ++i) {
      at.client().run_durable(script, keys, {}, 3s,
                              [&](Result<Value> value) { answers.push_back(value ? value->number : -1); });
    }
  });
  ASSERT_TRUE(at.loop().until([&] { return answers.size() == 700; }));
  EXPECT_EQ(answers.back(), 702);
  EXPECT_EQ(answers.front(), 3);
  replica->pause();
  EXPECT_EQ(code_of(at.run_durable(script, {"n"}, {}, 50ms)), Errc::publication_unconfirmed);
  replica->resume();
}

TEST(RedisClient, AFullQueueRefusesBeforeAnythingIsSent) {
  TestRedis server;
  At at(server.url(), {.url = {}, .queue_commands = 10});
  ASSERT_TRUE(at.touch());
  int full = 0;
  int good = 0;
  at.loop().call([&] {
    for (int i = 0; i < 30; ++i) {
      const std::string_view texts[] = {"INCR", "n"};
      at.client().command("n", texts, [&](Result<Value> value) {
        if (value) ++good;
        if (!value && value.error().code == Errc::overloaded) ++full;
      });
    }
  });
  ASSERT_TRUE(at.loop().until([&] { return full + good == 30; }));
  EXPECT_GE(full, 20);
  EXPECT_EQ(server.command({"GET", "n"}).text, std::to_string(good));
}

TEST(RedisClient, NothingIsCalledAfterStop) {
  TestRedis server;
  Notes notes;
  At at(server.url());
  ASSERT_TRUE(at.touch());
  bool called = false;
  at.loop().call([&] {
    at.client().listen("a", notes);
    const std::string_view texts[] = {"PING"};
    at.client().command("", texts, [&](Result<Value>) { called = true; });
    at.client().stop();
  });
  server.command({"PUBLISH", "a", "1"});
  EXPECT_FALSE(at.loop().until([&] { return called || !notes.subscribed.empty(); }, 50ms));
}

TEST(RedisClient, ANameThatIsNoneIsTrouble) {
  At at("redis://no-such-host.invalid");
  ASSERT_TRUE(at.loop().until([&] { return at.client().trouble().contains("no-such-host.invalid"); }));
  EXPECT_EQ(code_of(at.command({"PING"})), Errc::temporarily_unavailable);
  TestRedis server;
  At named(fmt::format("redis://localhost:{}", server.port()));
  EXPECT_TRUE(named.touch());
}

}  // namespace
}  // namespace gatecast::redis
