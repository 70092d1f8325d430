#include "server/nodes/node_facts.hpp"

#include <gtest/gtest.h>

namespace gatecast::server {
namespace {

const NodeFacts kMine{.now_ms = 1'800'000'000'000, .history = "h1", .token_keys = {"t1", "t2"}, .session_keys = {"s1"}};

Neighbour other(NodeFacts facts) { return {.name = "eu-2", .version = "1.0", .facts = std::move(facts)}; }

/// id → level and what was seen.
std::map<std::string, std::string> judged(const std::vector<Neighbour>& others) {
  std::map<std::string, std::string> out;
  for (const auto& check : check_nodes(kMine, "1.0", others)) {
    out[std::string(check.id)] = fmt::format("{}: {}", name(check.level), check.seen);
  }
  return out;
}

TEST(NodeFacts, WhatIsSaidIsRead) {
  const auto read = read_facts(facts_json(kMine));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->now_ms, kMine.now_ms);
  EXPECT_EQ(read->history, "h1");
  EXPECT_EQ(read->token_keys, kMine.token_keys);
  EXPECT_EQ(read->session_keys, kMine.session_keys);
  EXPECT_TRUE(read_facts(R"({"now":1,"token_keys":[],"session_keys":[],"of_a_newer_version":{}})"));
  for (const char* bad : {"", "{}", "[]", R"({"now":"1","token_keys":[],"session_keys":[]})",
                          R"({"now":1,"token_keys":{},"session_keys":[]})"}) {
    EXPECT_FALSE(read_facts(bad)) << bad;
  }
}

TEST(NodeFacts, AlikeIsFine) {
  const auto fine = judged({other(kMine), other(kMine)});
  EXPECT_EQ(fine.at("nodes.keys"), "ok: as 2 other nodes");
  EXPECT_EQ(fine.at("nodes.versions"), "ok: as 2 other nodes");
  EXPECT_EQ(fine.at("nodes.clock"), "ok: as 2 other nodes");
  EXPECT_EQ(judged({}).at("nodes.keys"), "ok: as 0 other nodes");
}

TEST(NodeFacts, AKeyThatOneOfTheTwoDoesNotKnowFails) {
  auto its = kMine;
  its.token_keys = {"t9"};
  EXPECT_EQ(judged({other(its)}).at("nodes.keys"),
            "fail: eu-2 signs with a token key that this node does not know, or the other way round");
  its.token_keys = {"t2"};  // it cannot verify what is signed here
  EXPECT_TRUE(judged({other(its)}).at("nodes.keys").starts_with("fail: eu-2 signs"));
  its = kMine;
  its.session_keys = {"s9", "s1"};
  EXPECT_TRUE(judged({other(its)}).at("nodes.keys").starts_with("fail: eu-2 makes sessions"));
  its = kMine;
  its.history = "h2";
  EXPECT_EQ(judged({other(its)}).at("nodes.keys"), "fail: eu-2 has another database, or one of another history");
  its.history.clear();
  EXPECT_TRUE(judged({other(its)}).at("nodes.keys").starts_with("ok"));
}

TEST(NodeFacts, AKeyOnItsWayInOrOutIsToBeLookedAt) {
  auto its = kMine;
  its.token_keys = {"t2", "t1", "t3"};
  EXPECT_EQ(judged({other(its)}).at("nodes.keys"), "warn: eu-2 has not the same list of keys");
}

TEST(NodeFacts, VersionsAndClocksApartAreNamed) {
  auto late = other(kMine);
  late.facts->now_ms -= 31'000;
  late.version = "1.1";
  auto slow = other(kMine);
  slow.facts->now_ms -= 31'000;
  slow.heard_ms = 2'000;  // its word is that old
  EXPECT_EQ(judged({late}).at("nodes.clock"), "warn: eu-2 is 31 s behind");
  EXPECT_EQ(judged({late}).at("nodes.versions"), "warn: eu-2 runs version 1.1");
  EXPECT_TRUE(judged({slow}).at("nodes.clock").starts_with("ok"));
  slow.facts->now_ms += 90'000;
  EXPECT_EQ(judged({slow}).at("nodes.clock"), "warn: eu-2 is 61 s ahead");
}

}  // namespace
}  // namespace gatecast::server
