// What a client is told of notifications, and what it may ask, word for word.
#include "server/json/notification_json.hpp"

#include <gtest/gtest.h>

namespace gatecast::server {
namespace {

using inbox::Event;
using Kind = store::NotificationChoice::Kind;

store::NotificationRow row(std::uint64_t seq) {
  return {.seq = seq,
          .id = fmt::format("{}-ab", seq),
          .user_id = "ann",
          .key = "order-1",
          .kind = "like",
          .data = R"({"post":42})",
          .created_at = WallTime{std::chrono::seconds{1'800'000'000}}};
}

constexpr std::string_view kOne =
    R"({"id":"7-ab","kind":"like","data":{"post":42},"createdAt":"2027-01-15T08:00:00Z","readAt":null})";

TEST(NotificationJson, ARowWithoutWhatIsTheBackEndsOwn) {
  EXPECT_EQ(notification_json(row(7)).done(), kOne);
  store::NotificationRow read = row(7);
  read.read_at = read.created_at + std::chrono::seconds{1};
  EXPECT_NE(notification_json(read).done().find(R"("readAt":"2027-01-15T08:00:01Z")"), std::string::npos);
}

TEST(NotificationJson, APageEndsWithNull) {
  store::NotificationPage page{.rows = {row(7)}, .unread = 3, .version = 9};
  EXPECT_EQ(page_json(JsonOut(), page).done(),
            fmt::format(R"({{"notifications":[{}],"unread":3,"version":9,"next":null}})", kOne));
  page.more = true;
  EXPECT_NE(page_json(JsonOut(), page).done().find(R"("next":"7")"), std::string::npos);
  EXPECT_EQ(page_json(JsonOut().boolean("success", true), {}).done(),
            R"({"success":true,"notifications":[],"unread":0,"version":0,"next":null})");
}

TEST(NotificationJson, WhatTabsAreTold) {
  EXPECT_EQ(
      event_json({.kind = Event::Kind::added, .user_id = "ann", .unread = 2, .version = 12, .row = row(7)}),
      fmt::format(R"({{"gatecast":{{"type":"notification.added","notification":{},"unread":2,"version":12}}}})", kOne));
  EXPECT_EQ(
      event_json(
          {.kind = Event::Kind::read, .user_id = "ann", .unread = 1, .version = 13, .choice = {.ids = {"7-ab", "\""}}}),
      R"({"gatecast":{"type":"notification.read","ids":["7-ab","\""],"unread":1,"version":13}})");
  EXPECT_EQ(event_json({.kind = Event::Kind::removed, .user_id = "ann", .choice = {.kind = Kind::all}}),
            R"({"gatecast":{"type":"notification.removed","all":true,"unread":0,"version":0}})");
  EXPECT_EQ(event_json({.kind = Event::Kind::removed, .user_id = "ann", .choice = {.kind = Kind::read}}),
            R"({"gatecast":{"type":"notification.removed","read":true,"unread":0,"version":0}})");
}

Result<store::NotificationChoice> choice(std::string_view body, bool may_choose_read = true) {
  return choice_of(*JsonIn::parse(body), may_choose_read, {"user"});
}

TEST(NotificationJson, ExactlyOneChoice) {
  EXPECT_EQ(choice(R"({"ids":["a"]})")->ids, std::vector<std::string>{"a"});
  EXPECT_EQ(choice(R"({"all":true})")->kind, Kind::all);
  EXPECT_EQ(choice(R"({"user":"ann","read":true})")->kind, Kind::read);
  for (const char* bad :
       {"{}", R"({"ids":"a"})", R"({"ids":[1]})", R"({"all":false})", R"({"all":1})", R"({"all":null})",
        R"({"ids":[],"all":true})", R"({"id":"a"})", R"({"all":true,"until":1})"}) {
    const auto refused = choice(bad);
    ASSERT_FALSE(refused.has_value()) << bad;
    EXPECT_EQ(refused.error().code, Errc::field_invalid) << bad;
  }
  EXPECT_FALSE(choice(R"({"read":true})", false).has_value());
}

TEST(NotificationJson, APagesParameters) {
  const auto usual = page_query("", "", "");
  ASSERT_TRUE(usual.has_value());
  EXPECT_EQ(usual->limit, 50U);
  EXPECT_FALSE(usual->unread);
  EXPECT_EQ(usual->before, store::NotificationQuery{}.before);
  const auto given = page_query("9223372036854775807", "200", "true");
  ASSERT_TRUE(given.has_value());
  EXPECT_EQ(given->before, 9223372036854775807U);
  EXPECT_EQ(given->limit, 200U);
  EXPECT_TRUE(given->unread);
  for (const char* bad : {"0", "-1", "+1", " 1", "1 ", "x", "1.0", "9223372036854775808", "99999999999999999999"}) {
    EXPECT_FALSE(page_query(bad, "", "").has_value()) << bad;
  }
  for (const char* bad : {"0", "201", "-1", "4294967297"}) EXPECT_FALSE(page_query("", bad, "").has_value()) << bad;
  for (const char* bad : {"1", "yes", "True"}) EXPECT_FALSE(page_query("", "", bad).has_value()) << bad;
}

}  // namespace
}  // namespace gatecast::server
