#include "broker/presence.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace gatecast::broker {
namespace {

ClientInfoRef who(std::string user, std::string client, std::string info = {}) {
  return std::make_shared<const ClientInfo>(ClientInfo{std::move(user), std::move(client), std::move(info), {}});
}

TEST(PresenceTest, ComesAndGoes) {
  Presence presence;
  EXPECT_EQ(presence.count("a").clients, 0U);
  EXPECT_TRUE(presence.enter("a", who("ann", "1")));
  EXPECT_TRUE(presence.enter("a", who("ann", "2")));
  EXPECT_TRUE(presence.enter("a", who("bob", "3")));
  EXPECT_TRUE(presence.enter("b", who("bob", "3")));
  EXPECT_EQ(presence.count("a").clients, 3U);
  EXPECT_EQ(presence.count("a").users, 2U);
  EXPECT_EQ(presence.count("b").clients, 1U);
  EXPECT_TRUE(presence.leave("a", "1"));
  EXPECT_EQ(presence.count("a").users, 2U);
  EXPECT_TRUE(presence.leave("a", "2"));
  EXPECT_EQ(presence.count("a").users, 1U);
  EXPECT_FALSE(presence.leave("a", "2"));
  EXPECT_FALSE(presence.leave("none", "1"));
  EXPECT_TRUE(presence.leave("a", "3"));
  EXPECT_TRUE(presence.clients("a", 10).empty());
  EXPECT_EQ(presence.entries(), 1U);
}

TEST(PresenceTest, TheSameConnectionIsThereOnce) {
  Presence presence;
  presence.enter("a", who("ann", "1", "{\"n\":1}"));
  presence.enter("a", who("bob", "1", "{\"n\":2}"));
  const auto all = presence.clients("a", 10);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]->user, "bob");
  EXPECT_EQ(all[0]->conn_info, "{\"n\":2}");
  EXPECT_EQ(presence.count("a").users, 1U);
  EXPECT_EQ(presence.entries(), 1U);
}

TEST(PresenceTest, AnswersAreBounded) {
  Presence presence(3);
  for (const char* client : {"1", "2", "3", "4"}) presence.enter("a", who("ann", client));
  EXPECT_EQ(presence.clients("a", 10).size(), 3U);
  EXPECT_EQ(presence.clients("a", 2).size(), 2U);
  EXPECT_EQ(presence.left_out(), 1U);
  EXPECT_TRUE(presence.enter("a", who("ann", "2")));  // it is there already
  EXPECT_TRUE(presence.leave("a", "1"));
  EXPECT_TRUE(presence.enter("b", who("ann", "4")));
}

TEST(PresenceTest, AgreesWithAPlainSet) {
  Presence presence;
  std::map<std::string, std::map<std::string, std::string>> plain;
  std::mt19937 random(3);
  const auto pick = [&random](unsigned n) { return static_cast<unsigned>(random()) % n; };
  for (int step = 0; step < 20'000; ++step) {
    const std::string channel(1, static_cast<char>('a' + pick(4))), client = std::to_string(pick(12));
    auto& there = plain[channel];
    if (pick(2) == 0) {
      const std::string user(1, static_cast<char>('A' + pick(3)));
      ASSERT_TRUE(presence.enter(channel, who(user, client)));
      there[client] = user;
    } else {
      ASSERT_EQ(presence.leave(channel, client), there.erase(client) == 1);
    }
    std::set<std::string> users;
    for (const auto& [id, user] : there) users.insert(user);
    ASSERT_EQ(presence.count(channel).clients, there.size());
    ASSERT_EQ(presence.count(channel).users, users.size());
  }
}

}  // namespace
}  // namespace gatecast::broker
