#include "token/connection_claims.hpp"

#include <gtest/gtest.h>

namespace gatecast::token {
namespace {

TEST(ConnectionClaims, WhatCentrifugosTokensSay) {
  const auto read = read_connection_claims(
      R"({"info":{"name":"Ann"},"channels":["news","chat:1"],"expire_at":1900000000,"other":1,
          "subs":{"chat:1":{"info":7,"data":[1, 2],"override":{"presence":{"value":true},"force_recovery":{},
          "join_leave":null}}}})");
  ASSERT_TRUE(read.has_value()) << read.error().detail;
  EXPECT_EQ(read->info, R"({"name":"Ann"})");
  EXPECT_EQ(read->expire_at, 1900000000);
  ASSERT_EQ(read->subscriptions.size(), 2U);
  const auto& chat = read->subscriptions[0];
  EXPECT_EQ(chat.channel, "chat:1");
  EXPECT_EQ(chat.claims.info, "7");
  EXPECT_EQ(chat.claims.data, "[1, 2]");
  EXPECT_EQ(chat.claims.overrides.presence, true);
  EXPECT_EQ(chat.claims.overrides.force_recovery, false);
  EXPECT_EQ(chat.claims.overrides.join_leave, std::nullopt);
  EXPECT_EQ(chat.claims.overrides.force_positioning, std::nullopt);
  EXPECT_EQ(read->subscriptions[1].channel, "news");
  EXPECT_EQ(read->subscriptions[1].claims.info, "");
}

TEST(ConnectionClaims, NothingSaid) {
  for (const char* text : {"{}", R"({"info":null,"channels":null,"subs":null})", R"({"name":"Ann"})"}) {
    const auto read = read_connection_claims(text);
    ASSERT_TRUE(read.has_value()) << text;
    EXPECT_TRUE(read->info.empty() && read->subscriptions.empty() && !read->expire_at) << text;
  }
}

TEST(ConnectionClaims, InfoInBase64) {
  EXPECT_EQ(read_connection_claims(R"({"b64info":"eyJhIjoxfQ==","info":2})")->info, R"({"a":1})");
  EXPECT_EQ(read_connection_claims(R"({"b64info":"","info":2})")->info, "2");
}

TEST(ConnectionClaims, WhatIsNoneOfIt) {
  for (const char* text : {
           R"({"channels":"news"})",
           R"({"channels":[1]})",
           R"({"subs":[]})",
           R"({"subs":{"a":1}})",
           R"({"subs":{"a":{"override":1}}})",
           R"({"subs":{"a":{"override":{"presence":true}}}})",
           R"({"subs":{"a":{"override":{"presence":{"value":1}}}}})",
           R"({"b64info":"e"})",
           R"({"b64info":"bm90IGpzb24="})",
           // 1,"w":2 would be a second member of whatever it is written into.
           R"({"b64info":"MSwidyI6Mg=="})",
           R"({"b64info":7})",
           R"({"expire_at":-1})",
           R"({"expire_at":"soon"})",
           "[]",
       }) {
    const auto read = read_connection_claims(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, Errc::token_claims) << text;
  }
}

}  // namespace
}  // namespace gatecast::token
