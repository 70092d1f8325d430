// Cases of broker/contract.hpp: presence. Place: included by contract_suite.hpp.
#pragma once

#include <set>

#include "broker/contract.hpp"

namespace gatecast::broker {

class BrokerPresenceContract : public BrokerContract {
 protected:
  bool comes_to_present(Node& node, const std::string& channel, const std::string& wanted) {
    return comes_to([&] { return present(node, channel); }, wanted);
  }
  bool comes_to_count(Node& node, const std::string& channel, const std::string& wanted) {
    return comes_to([&] { return counted(node, channel); }, wanted);
  }
  bool comes_to_told(Node& node, const std::string& channel, const std::string& wanted) {
    return comes_to([&] { return told(node, channel); }, wanted);
  }
};

TEST_P(BrokerPresenceContract, WhoIsThereIsSeenFromEveryNode) {
  Node& a = add_node();
  Node& b = add_node();
  EXPECT_EQ(present(b, "news"), "");
  EXPECT_EQ(counted(b, "news"), "0 0");
  enter(a, "news", "ann", "a1");
  enter(a, "news", "ann", "a2");
  enter(b, "news", "bob", "b1");
  enter(b, "other", "eve", "e1");
  EXPECT_TRUE(comes_to_present(b, "news", "ann/a1 ann/a2 bob/b1 "));
  EXPECT_EQ(counted(a, "news"), "3 2");
  leave(a, "news", "ann", "a1");
  EXPECT_TRUE(comes_to_count(b, "news", "2 2"));
  leave(a, "news", "ann", "a2");
  leave(a, "news", "ann", "a2");
  EXPECT_TRUE(comes_to_count(b, "news", "1 1"));
  EXPECT_EQ(present(a, "news"), "bob/b1 ");
  leave(b, "news", "bob", "b1");
  EXPECT_TRUE(comes_to_count(b, "news", "0 0"));
}

TEST_P(BrokerPresenceContract, WhatIsSaidOfSomebodyComesWhole) {
  Node& a = add_node();
  auto who =
      std::make_shared<const ClientInfo>(ClientInfo{"ann:1 \xc3\xa9", "c1", R"({"n":1})", std::string("{\0}", 3)});
  place_->run([&] { a.broker->enter("news", who, true, false); });
  ASSERT_TRUE(comes_to_count(a, "news", "1 1"));
  const auto all = outcome<std::vector<ClientInfoRef>>(
      [&](Done<std::vector<ClientInfoRef>> done) { a.broker->presence("news", 10, std::move(done)); });
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ((*all)[0]->user, who->user);
  EXPECT_EQ((*all)[0]->client, who->client);
  EXPECT_EQ((*all)[0]->conn_info, who->conn_info);
  EXPECT_EQ((*all)[0]->chan_info, who->chan_info);
}

TEST_P(BrokerPresenceContract, ASecondTimeReplacesTheFirst) {
  Node& a = add_node();
  enter(a, "news", "ann", "c1");
  enter(a, "news", "bob", "c1");
  EXPECT_TRUE(comes_to_present(a, "news", "bob/c1 "));
  EXPECT_EQ(counted(a, "news"), "1 1");
}

TEST_P(BrokerPresenceContract, ComingAndGoingIsToldWhereItIsWanted) {
  Node& a = add_node();
  Node& b = add_node();
  for (const char* channel : {"listed", "told", "both", "none", "#ann"}) listen(b, channel, false);
  const auto come_and_go = [&](const char* channel, bool listed, bool told) {
    enter(a, channel, "ann", "c1", listed, told);
    leave(a, channel, "ann", "c1", listed, told);
  };
  come_and_go("listed", true, false);
  come_and_go("told", false, true);
  come_and_go("none", false, false);
  come_and_go("#ann", true, true);
  come_and_go("both", true, true);
  enter(a, "told", "bob", "c2", false, true);
  EXPECT_TRUE(comes_to_told(b, "both", "+ann -ann "));
  EXPECT_TRUE(comes_to_told(b, "told", "+ann -ann +bob "));
  EXPECT_TRUE(comes_to_told(b, "#ann", "+ann -ann "));
  EXPECT_EQ(told(b, "listed"), "");
  EXPECT_EQ(told(b, "none"), "");
  EXPECT_EQ(present(b, "told"), "") << "told of, not listed";
  EXPECT_EQ(counted(b, "told"), "0 0");
}

TEST_P(BrokerPresenceContract, ManyAreListedUpToTheBound) {
  Node& a = add_node();
  Node& b = add_node();
  place_->run([&] {
    for (int n = 0; n < 2000; ++n) {
      a.broker->enter("crowd", somebody("u" + std::to_string(n % 700), "c" + std::to_string(n)), true, false);
    }
  });
  ASSERT_TRUE(comes_to_count(b, "crowd", "2000 700"));
  const auto listed = [&](std::size_t most) {
    const auto all = outcome<std::vector<ClientInfoRef>>(
        [&](Done<std::vector<ClientInfoRef>> done) { b.broker->presence("crowd", most, std::move(done)); });
    std::set<std::string> clients;
    for (const auto& who : all.value_or(std::vector<ClientInfoRef>{})) clients.insert(who->client);
    EXPECT_EQ(all ? all->size() : 0U, clients.size()) << "nobody twice";
    return clients.size();
  };
  EXPECT_EQ(listed(10'000), 2000U);
  EXPECT_EQ(listed(300), 300U);
}

TEST_P(BrokerPresenceContract, WhatANodeLeavesWhenItVanishesIsTakenAwayAndTold) {
  Node& a = add_node();
  Node& b = add_node();
  Node& c = add_node();
  for (const char* channel : {"news", "told", "#dan"}) listen(b, channel, false);
  enter(a, "news", "ann", "a1");
  enter(a, "news", "cat", "a2", true, false);
  enter(a, "told", "ann", "a1", false, true);
  enter(a, "#dan", "dan", "a3");
  enter(c, "news", "bob", "c1");
  for (int n = 0; n < 250; ++n) enter(a, "crowd", "u", "x" + std::to_string(n), true, false);
  ASSERT_TRUE(comes_to_count(b, "news", "3 3"));
  ASSERT_TRUE(comes_to_count(b, "crowd", "250 1"));
  ASSERT_TRUE(comes_to_told(b, "#dan", "+dan "));
  kill(a);
  EXPECT_TRUE(comes_to_present(b, "news", "bob/c1 "));
  EXPECT_TRUE(comes_to_count(b, "news", "1 1"));
  EXPECT_TRUE(comes_to_count(c, "crowd", "0 0"));
  EXPECT_TRUE(comes_to_told(b, "#dan", "+dan -dan "));
  EXPECT_TRUE(comes_to_told(b, "told", "+ann -ann "));
  const std::string all = told(b, "news");
  EXPECT_EQ(all.find("-cat"), std::string::npos) << "was not told of";
  EXPECT_EQ(all.find("-ann"), all.rfind("-ann")) << "once: " << all;
  EXPECT_NE(all.find("-ann"), std::string::npos);
  EXPECT_EQ(all.find("-bob"), std::string::npos);
}

TEST_P(BrokerPresenceContract, AfterARestartWithNothingEverybodyIsEnteredAgain) {
  Node& a = add_node();
  Node& b = add_node();
  listen(b, "news", false);
  enter(a, "news", "ann", "a1");
  enter(b, "news", "bob", "b1");
  enter(a, "elsewhere", "ann", "a1");
  ASSERT_TRUE(comes_to_count(b, "news", "2 2"));
  ASSERT_TRUE(comes_to([&] { return std::to_string(told(b, "news").size()); }, "10"));
  place_->restart_empty();
  EXPECT_TRUE(comes_to_present(b, "news", "ann/a1 bob/b1 "));
  EXPECT_TRUE(comes_to_present(b, "elsewhere", "ann/a1 "));
  EXPECT_EQ(counted(a, "news"), "2 2");
  EXPECT_EQ(told(b, "news").size(), 10U) << "nobody was told that they had gone";
}

TEST_P(BrokerPresenceContract, WhatCouldNotBeSaidIsSaidOnceTheBrokerIsBack) {
  Node& a = add_node();
  Node& b = add_node();
  enter(a, "news", "ann", "a1");
  enter(a, "news", "bob", "b1");
  ASSERT_TRUE(comes_to_count(b, "news", "2 2"));
  place_->lose();
  enter(a, "news", "cat", "c1");
  leave(a, "news", "ann", "a1");
  leave(a, "news", "bob", "b1");
  enter(a, "news", "bob", "b1");
  EXPECT_EQ(present(b, "news"), "?");
  place_->mend();
  EXPECT_TRUE(comes_to_present(b, "news", "bob/b1 cat/c1 "));
  EXPECT_EQ(counted(a, "news"), "2 2");
}

}  // namespace gatecast::broker
