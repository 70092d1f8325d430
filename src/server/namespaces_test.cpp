#include "server/namespaces.hpp"

#include <gtest/gtest.h>

namespace gatecast::server {
namespace {

const std::vector<NamespaceConfig> kAll = {
    {.name = "", .allow_subscribe_for_client = true},
    {.name = "chat", .allow_subscribe_for_client = true, .allow_publish_for_client = true},
    {.name = "news", .allow_subscribe_for_client = true, .allow_subscribe_for_anonymous = true},
    {.name = "room", .allow_subscribe_for_client = true, .allow_publish_for_subscriber = true},
    {.name = "open", .allow_publish_for_client = true, .allow_publish_for_anonymous = true},
    {.name = "closed"},
};
const Namespaces kNamespaces(kAll, false, 255);

// 0 where it is allowed, else the code.
std::string_view outcome(const Result<void>& result) { return result ? "" : info(result.error().code).name; }

TEST(Namespaces, DecideWhoMaySubscribe) {
  const struct {
    const char* channel;
    bool anonymous;
    std::string_view outcome;
  } cases[] = {
      {"lobby", false, ""},
      {"lobby", true, "permission_denied"},
      {"chat:1", false, ""},
      {"news:1", true, ""},
      {"closed:1", false, "permission_denied"},
      {"nowhere:1", false, "unknown_channel"},
      {"chat:1:2", false, ""},
      {"$chat:1", false, "permission_denied"},
      {"$nowhere:1", false, "unknown_channel"},
      {"#someone", false, "permission_denied"},
      {"", false, "bad_request"},
      {"with space", false, "bad_request"},
      {"caf\xc3\xa9", false, "bad_request"},
      {"line\nfeed", false, "bad_request"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(outcome(kNamespaces.may_subscribe(c.channel, c.anonymous)), c.outcome) << c.channel;
  }
}

TEST(Namespaces, DecideWhoMayPublish) {
  const struct {
    const char* channel;
    bool anonymous, subscribed;
    std::string_view outcome;
  } cases[] = {
      {"lobby", false, true, "permission_denied"},
      {"chat:1", false, false, ""},
      {"chat:1", true, false, "permission_denied"},
      {"room:1", false, false, "permission_denied"},
      {"room:1", false, true, ""},
      {"room:1", true, true, "permission_denied"},
      {"open:1", true, false, ""},
      {"nowhere:1", false, true, "unknown_channel"},
      {"#me", false, true, "permission_denied"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(outcome(kNamespaces.may_publish(c.channel, c.anonymous, c.subscribed)), c.outcome) << c.channel;
  }
}

TEST(Namespaces, InsecureOpensEveryConfiguredNamespaceButNoPersonalChannel) {
  const Namespaces insecure(kAll, true, 255);
  EXPECT_EQ(outcome(insecure.may_subscribe("closed:1", true)), "");
  EXPECT_EQ(outcome(insecure.may_publish("closed:1", true, false)), "");
  EXPECT_EQ(outcome(insecure.may_subscribe("nowhere:1", true)), "unknown_channel");
  EXPECT_EQ(outcome(insecure.may_subscribe("#someone", true)), "permission_denied");
}

TEST(Namespaces, BoundNames) {
  EXPECT_EQ(outcome(kNamespaces.may_subscribe("chat:" + std::string(250, 'x'), false)), "");
  EXPECT_EQ(outcome(kNamespaces.may_subscribe("chat:" + std::string(251, 'x'), false)), "bad_request");
}

TEST(Namespaces, BackEndsMayUseWhatExists) {
  EXPECT_EQ(outcome(kNamespaces.exists("closed:1")), "");
  EXPECT_EQ(outcome(kNamespaces.exists("#u123")), "");
  EXPECT_EQ(outcome(kNamespaces.exists("nowhere:1")), "unknown_channel");
  EXPECT_EQ(outcome(kNamespaces.exists("#with space")), "bad_request");
}

}  // namespace
}  // namespace gatecast::server
