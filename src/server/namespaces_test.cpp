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
std::string_view outcome(const Namespaces::Found& result) { return result ? "" : info(result.error().code).name; }

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
    EXPECT_EQ(outcome(kNamespaces.may_subscribe(c.channel, {c.anonymous ? "" : "ann"})), c.outcome) << c.channel;
  }
}

TEST(Namespaces, WhereAGrantIsAskedForItAloneDecides) {
  const std::vector<NamespaceConfig> all = {
      {.name = "post", .allow_publish_for_client = true, .grant = "post:{1}"},
      {.name = "open", .allow_subscribe_for_client = true, .allow_subscribe_for_anonymous = true, .grant = "vip"},
  };
  const Namespaces granted(all, false, 255);
  // Whether the user holds it is found out by the connection.
  EXPECT_EQ(outcome(granted.may_subscribe("post:42", {"ann"})), "");
  EXPECT_EQ(outcome(granted.may_subscribe("post:42", {""})), "permission_denied");
  EXPECT_EQ(outcome(granted.may_subscribe("open:1", {""})), "permission_denied") << "nobody holds nothing";
  EXPECT_EQ(outcome(granted.may_subscribe("$post:42", {"ann"})), "permission_denied");
  EXPECT_EQ(outcome(granted.may_subscribe_by_token("post:42")), "");
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
    EXPECT_EQ(outcome(kNamespaces.may_publish(c.channel, {c.anonymous ? "" : "ann", c.subscribed})), c.outcome)
        << c.channel;
  }
}

TEST(Namespaces, InsecureOpensEveryConfiguredNamespaceButNoPersonalChannel) {
  const Namespaces insecure(kAll, true, 255);
  EXPECT_EQ(outcome(insecure.may_subscribe("closed:1", {})), "");
  EXPECT_EQ(outcome(insecure.may_publish("closed:1", {})), "");
  EXPECT_EQ(outcome(insecure.may_subscribe("nowhere:1", {})), "unknown_channel");
  EXPECT_EQ(outcome(insecure.may_subscribe("#someone", {})), "permission_denied");
}

TEST(Namespaces, BoundNames) {
  EXPECT_EQ(outcome(kNamespaces.may_subscribe("chat:" + std::string(250, 'x'), {"ann"})), "");
  EXPECT_EQ(outcome(kNamespaces.may_subscribe("chat:" + std::string(251, 'x'), {"ann"})), "bad_request");
}

TEST(Namespaces, ThePersonalChannelOfAnyUserIdIsThere) {
  const Namespaces narrow(kAll, false, 8);
  EXPECT_EQ(outcome(narrow.find("chat:long")), "bad_request");
  for (const std::string& id :
       {std::string("acme:ann"), std::string("with spaces"), std::string("Zoë"), std::string(200, 'x')}) {
    EXPECT_EQ(outcome(narrow.find(personal_channel(id))), "") << id;
  }
  EXPECT_EQ(outcome(narrow.find(personal_channel(std::string(256, 'x')))), "bad_request");
}

TEST(Namespaces, BackEndsMayUseWhatExists) {
  EXPECT_EQ(outcome(kNamespaces.find("closed:1")), "");
  EXPECT_EQ(outcome(kNamespaces.find("#u123")), "");
  EXPECT_EQ(outcome(kNamespaces.find("nowhere:1")), "unknown_channel");
  EXPECT_EQ(outcome(kNamespaces.find("news:with space")), "bad_request");
}

TEST(Namespaces, LimitChannelsToTheUsersTheyName) {
  const std::vector<NamespaceConfig> all = {{.name = "dialog", .allow_user_limited_channels = true},
                                            {.name = "plain", .allow_subscribe_for_client = true}};
  const Namespaces namespaces(all, false, 255);
  const struct {
    const char* channel;
    const char* user;
    std::string_view outcome;
  } cases[] = {
      {"dialog:1#ann,bob", "ann", ""},
      {"dialog:1#ann,bob", "bob", ""},
      {"dialog:1#ann,bob", "an", "permission_denied"},
      {"dialog:1#ann,bob", "nn,b", "permission_denied"},
      {"dialog:1#ann,bob", "ann,bob", "permission_denied"},
      {"dialog:1#ann,bob", "", "permission_denied"},
      {"dialog:1#,", "", "permission_denied"},
      {"dialog:#eve#ann", "eve", "permission_denied"},
      {"dialog:#eve#ann", "ann", ""},
      {"dialog:1", "ann", "permission_denied"},
      {"plain:1#ann", "bob", ""},  // only a character there
  };
  for (const auto& c : cases) EXPECT_EQ(outcome(namespaces.may_subscribe(c.channel, {c.user})), c.outcome) << c.channel;
}

TEST(Namespaces, HistoryAndPresenceAreThereAndMayBeAskedFor) {
  const std::vector<NamespaceConfig> all = {
      {.name = "none"},
      {.name = "all",
       .allow_history_for_client = true,
       .allow_presence_for_client = true,
       .presence = true,
       .history_size = 1,
       .history_ttl = std::chrono::seconds(1)},
      {.name = "members",
       .allow_history_for_subscriber = true,
       .allow_presence_for_subscriber = true,
       .presence = true,
       .history_size = 1,
       .history_ttl = std::chrono::seconds(1)},
      {.name = "size", .allow_history_for_client = true, .history_size = 1},
  };
  const Namespaces namespaces(all, false, 255);
  const struct {
    const char* channel;
    Asker who;
    std::string_view history, presence;
  } cases[] = {
      {"none:1", {"ann", true}, "not_available", "not_available"},
      {"size:1", {"ann", true}, "not_available", "not_available"},
      {"all:1", {"ann"}, "", ""},
      {"all:1", {""}, "permission_denied", "permission_denied"},
      {"members:1", {"ann"}, "permission_denied", "permission_denied"},
      {"members:1", {"ann", true}, "", ""},
      {"#ann", {"ann", true}, "", "permission_denied"},
      {"#bob", {"ann", false}, "permission_denied", "permission_denied"},
      {"other:1", {"ann"}, "unknown_channel", "unknown_channel"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(outcome(namespaces.may_read_history(c.channel, c.who)), c.history) << c.channel;
    EXPECT_EQ(outcome(namespaces.may_see_presence(c.channel, c.who)), c.presence) << c.channel;
  }
  EXPECT_TRUE(namespaces.may_recover(**namespaces.find("all:1"), {"ann"}));
  EXPECT_FALSE(namespaces.may_recover(**namespaces.find("none:1"), {"ann"}));
  EXPECT_FALSE(namespaces.may_recover(**namespaces.find("all:1"), {""}));
  EXPECT_TRUE(history_of(**namespaces.find("#ann")).on());
}

TEST(Namespaces, OtherTablesCountFromWhereTheyAreTaken) {
  const std::vector<NamespaceConfig> before{{.name = "a"}, {.name = "b", .allow_subscribe_for_client = true}};
  const std::vector<NamespaceConfig> after{{.name = "a", .allow_subscribe_for_client = true}};
  Namespaces namespaces(before, false, 255);
  EXPECT_EQ(outcome(namespaces.may_subscribe("a:1", {"ann"})), "permission_denied");
  EXPECT_EQ(outcome(namespaces.may_subscribe("b:1", {"ann"})), "");
  namespaces.use(after);
  EXPECT_EQ(outcome(namespaces.may_subscribe("a:1", {"ann"})), "");
  EXPECT_EQ(outcome(namespaces.may_subscribe("b:1", {"ann"})), "unknown_channel");
  EXPECT_EQ(outcome(namespaces.find("b:1")), "unknown_channel");
}

}  // namespace
}  // namespace gatecast::server
