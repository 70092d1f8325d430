#include "protocol/json_writer.hpp"

#include <gtest/gtest.h>

#include "protocol/json_check.hpp"

namespace gatecast::protocol {
namespace {

template <class... A>
std::string reply(std::uint32_t id, const A&... result) {
  std::string out = "x";  // what stands there stays
  append_reply(out, id, result...);
  EXPECT_EQ(out[0], 'x');
  EXPECT_TRUE(valid_json(out.substr(1))) << out;
  return out.substr(1);
}

TEST(JsonWriter, Connect) {
  EXPECT_EQ(reply(1, ConnectResult{.client = "c1", .version = "0.1.0", .ping_seconds = 25, .pong = true}),
            R"({"id":1,"connect":{"client":"c1","version":"0.1.0","ping":25,"pong":true}})");
  const PublicationView missed[] = {{.data = R"({"a":1})", .offset = 8}};
  const ConnectedSub subs[] = {{"#42",
                                {.recoverable = true,
                                 .positioned = true,
                                 .epoch = "abcd",
                                 .offset = 7,
                                 .publications = missed,
                                 .recovered = true,
                                 .was_recovering = true}},
                               {"n\"ews", {}}};
  EXPECT_EQ(
      reply(4294967295, ConnectResult{.client = "c",
                                      .version = "v",
                                      .expires = true,
                                      .ttl_seconds = 1800,
                                      .data = "{\"x\":\n1}",
                                      .subs = subs,
                                      .session = "s",
                                      .node = "n"}),
      R"({"id":4294967295,"connect":{"client":"c","version":"v","expires":true,"ttl":1800,"data":{"x":1},"subs":{)"
      R"("#42":{"recoverable":true,"epoch":"abcd","publications":[{"data":{"a":1},"offset":8}],"recovered":true,)"
      R"("offset":7,"positioned":true,"was_recovering":true},"n\"ews":{}},"session":"s","node":"n"}})");
}

TEST(JsonWriter, Subscribe) {
  EXPECT_EQ(reply(2, SubscribeResult{}), R"({"id":2,"subscribe":{}})");
  EXPECT_EQ(
      reply(2, SubscribeResult{.expires = true,
                               .ttl_seconds = 5,
                               .recoverable = true,
                               .positioned = true,
                               .epoch = "e",
                               .offset = 18446744073709551615U,
                               .was_recovering = true,
                               .data = "[]",
                               .delta = true}),
      R"({"id":2,"subscribe":{"expires":true,"ttl":5,"recoverable":true,"epoch":"e","offset":18446744073709551615,)"
      R"("positioned":true,"data":[],"was_recovering":true,"delta":true}})");
}

TEST(JsonWriter, EmptyResultsStay) {
  EXPECT_EQ(reply(3, UnsubscribeResult{}), R"({"id":3,"unsubscribe":{}})");
  EXPECT_EQ(reply(3, PublishResult{}), R"({"id":3,"publish":{}})");
  EXPECT_EQ(reply(3, RpcResult{}), R"({"id":3,"rpc":{}})");
  EXPECT_EQ(reply(3, RpcResult{"\"pong\""}), R"({"id":3,"rpc":{"data":"pong"}})");
  EXPECT_EQ(reply(3, RefreshResult{}), R"({"id":3,"refresh":{}})");
  EXPECT_EQ(reply(3, RefreshResult{.client = "c", .version = "v", .expires = true, .ttl_seconds = 9}),
            R"({"id":3,"refresh":{"client":"c","version":"v","expires":true,"ttl":9}})");
  EXPECT_EQ(reply(3, SubRefreshResult{.expires = true, .ttl_seconds = 9}),
            R"({"id":3,"sub_refresh":{"expires":true,"ttl":9}})");
}

TEST(JsonWriter, WhatIsWrittenThoughEmpty) {
  EXPECT_EQ(reply(4, PresenceResult{}), R"({"id":4,"presence":{"presence":{}}})");
  const ClientInfo clients[] = {{"", "c1"}, {"42", "c2", R"({"n":1})", "[2]"}};
  EXPECT_EQ(reply(4, PresenceResult{clients}),
            R"({"id":4,"presence":{"presence":{"c1":{"user":"","client":"c1"},)"
            R"("c2":{"user":"42","client":"c2","conn_info":{"n":1},"chan_info":[2]}}}})");
  EXPECT_EQ(reply(4, PresenceStatsResult{}), R"({"id":4,"presence_stats":{"num_clients":0,"num_users":0}})");
  EXPECT_EQ(reply(4, PresenceStatsResult{3, 2}), R"({"id":4,"presence_stats":{"num_clients":3,"num_users":2}})");
  EXPECT_EQ(reply(4, HistoryResult{}), R"({"id":4,"history":{"publications":[],"epoch":"","offset":0}})");
  const PublicationView two[] = {{.data = "1", .offset = 1}, {.data = "2", .offset = 2}};
  EXPECT_EQ(
      reply(4, HistoryResult{two, "abcd", 2}),
      R"({"id":4,"history":{"publications":[{"data":1,"offset":1},{"data":2,"offset":2}],"epoch":"abcd","offset":2}})");
}

std::string error(Errc code) {
  std::string out;
  append_error(out, 5, code);
  return out;
}

TEST(JsonWriter, Errors) {
  EXPECT_EQ(error(Errc::token_expired), R"({"id":5,"error":{"code":109,"message":"token expired"}})");
  EXPECT_EQ(error(Errc::internal),
            R"({"id":5,"error":{"code":100,"message":"internal server error","temporary":true}})");
  EXPECT_EQ(error(Errc::overloaded), R"({"id":5,"error":{"code":111,"message":"too many requests","temporary":true}})");
  // The SDKs take every error object's code; 0 would be none of theirs.
  EXPECT_EQ(error(Errc::stale), error(Errc::internal));
  std::string out;
  append_error(out, 5, 1000, "no \"more\" tickets", false);
  EXPECT_EQ(out, R"({"id":5,"error":{"code":1000,"message":"no \"more\" tickets"}})");
}

TEST(JsonWriter, PublicationPush) {
  std::string out;
  append_publication_push(out, "a", {.data = R"({"x":1})"});
  EXPECT_EQ(out, R"({"push":{"channel":"a","pub":{"data":{"x":1}}}})");

  out.clear();
  const ClientInfo who{.user = "42", .client = "c1", .conn_info = "{}"};
  const Tag tags[] = {{"k", "v"}, {"q\"", "\n"}};
  append_publication_push(out, "a\\b",
                          {.data = "{\n\t\"x\": 1\r\n}", .offset = 9, .info = &who, .tags = tags, .time_ms = 7});
  EXPECT_EQ(out,
            "{\"push\":{\"channel\":\"a\\\\b\",\"pub\":{\"data\":{\t\"x\": 1},"
            R"("info":{"user":"42","client":"c1","conn_info":{}},"offset":9,"tags":{"k":"v","q\"":"\n"},"time":7}}})");
  EXPECT_TRUE(valid_json(out));

  out.clear();
  append_publication_push(out, "a", {.data = "\"delta\"", .offset = 2, .delta = true});
  EXPECT_EQ(out, R"({"push":{"channel":"a","pub":{"data":"delta","offset":2,"delta":true}}})");
}

TEST(JsonWriter, OtherPushes) {
  const auto text = [](auto write) {
    std::string out;
    write(out);
    EXPECT_TRUE(valid_json(out)) << out;
    return out;
  };
  const ClientInfo who{.user = "", .client = "c1"};
  EXPECT_EQ(text([&](auto& o) { append_join_push(o, "a", who); }),
            R"({"push":{"channel":"a","join":{"info":{"user":"","client":"c1"}}}})");
  EXPECT_EQ(text([&](auto& o) { append_leave_push(o, "a", who); }),
            R"({"push":{"channel":"a","leave":{"info":{"user":"","client":"c1"}}}})");
  EXPECT_EQ(text([](auto& o) { append_subscribe_push(o, "a", {}); }), R"({"push":{"channel":"a","subscribe":{}}})");
  EXPECT_EQ(
      text([](auto& o) {
        append_subscribe_push(o, "a",
                              {.recoverable = true, .positioned = true, .epoch = "e", .offset = 3, .data = "1"});
      }),
      R"({"push":{"channel":"a","subscribe":{"recoverable":true,"epoch":"e","offset":3,"positioned":true,"data":1}}})");
  EXPECT_EQ(text([](auto& o) { append_unsubscribe_push(o, "a", 2500, "insufficient state"); }),
            R"({"push":{"channel":"a","unsubscribe":{"code":2500,"reason":"insufficient state"}}})");
  EXPECT_EQ(text([](auto& o) { append_message_push(o, "{\"a\":1}"); }), R"({"push":{"message":{"data":{"a":1}}}})");
  EXPECT_EQ(text([](auto& o) { append_disconnect_push(o, 4501, "signed out"); }),
            R"({"push":{"disconnect":{"code":4501,"reason":"signed out"}}})");
  EXPECT_EQ(text([](auto& o) { append_refresh_push(o, true, 60); }),
            R"({"push":{"refresh":{"expires":true,"ttl":60}}})");
  EXPECT_EQ(text([](auto& o) { append_ping(o); }), "{}");
}

TEST(JsonWriter, TextsAreEscaped) {
  const auto text = [](std::string_view s) {
    std::string out;
    append_json_text(out, s);
    return out;
  };
  EXPECT_EQ(text(""), R"("")");
  EXPECT_EQ(text("plain \xc3\xa9 \x7f /"), "\"plain \xc3\xa9 \x7f /\"");
  EXPECT_EQ(text("\"\\\n\r\t"), R"("\"\\\n\r\t")");
  EXPECT_EQ(text(std::string_view("\0\x01\b\x1f", 4)), R"("\u0000\u0001\u0008\u001f")");
  for (int c = 0; c < 0x80; ++c) EXPECT_TRUE(valid_json(text(std::string(3, static_cast<char>(c))))) << c;
}

}  // namespace
}  // namespace gatecast::protocol
