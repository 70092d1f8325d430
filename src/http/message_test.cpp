#include "http/message.hpp"

#include <gtest/gtest.h>

namespace gatecast::http {
namespace {

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(Serialize, WritesStatusFieldsAndBody) {
  Response response{200, {{"Content-Type", "application/json"}}, "{}"};
  EXPECT_EQ(serialize(response, false, kDate),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: "
            "application/json\r\nContent-Length: 2\r\n\r\n{}");
  response.close = true;
  EXPECT_EQ(serialize(response, true, kDate),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: "
            "application/json\r\nContent-Length: 2\r\n"
            "Connection: close\r\n\r\n");
}

TEST(Serialize, WritesEachFieldOnceAndItsOwnFieldsItself) {
  const Response response{200,
                          {{"X", "1"},
                           {"x", "2"},
                           {"Content-Length", "99"},
                           {"date", "never"},
                           {"Connection", "keep"},
                           {"Transfer-Encoding", "chunked"}},
                          "abc"};
  EXPECT_EQ(serialize(response, false, kDate),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX: 1\r\nContent-Length: 3\r\n\r\nabc");
}

TEST(Serialize, AValueNeverMakesAFieldOfItsOwn) {
  const Response response{302, {{"Location", std::string("/a\r\nSet-Cookie: b\n\0\x7F\t\xD0\xBA", 24)}}, ""};
  EXPECT_EQ(serialize(response, false, kDate),
            "HTTP/1.1 302 Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nLocation: /aSet-Cookie: "
            "b\t\xD0\xBA\r\nContent-Length: 0\r\n\r\n");
}

TEST(Serialize, SomeStatusesHaveNoBody) {
  for (const unsigned status : {100u, 101u, 204u, 304u}) {
    const std::string text = serialize(Response{status, {}, "body"}, false, kDate);
    EXPECT_EQ(text.find("Content-Length"), std::string::npos) << status;
    EXPECT_TRUE(text.ends_with("GMT\r\n\r\n")) << status;
  }
}

TEST(SerializeDeathTest, AMalformedNameIsABug) {
  EXPECT_DEATH(serialize(Response{200, {{"X: y\r\nZ", "1"}}, ""}, false, kDate), "");
  EXPECT_DEATH(serialize(Response{200, {{"", "1"}}, ""}, false, kDate), "");
}

TEST(Response, SetReplaces) {
  Response response;
  response.set("Vary", "Origin");
  response.set("vary", "*");
  EXPECT_EQ(response.headers, (Headers{{"Vary", "*"}}));
}

TEST(Headers, AreJoinedInOrder) {
  const Headers headers{{"A", "1"}, {"b", "2"}, {"a", ""}, {"A", "3"}};
  EXPECT_EQ(join_header(headers, "a"), "1, , 3");
  EXPECT_EQ(join_header(headers, "c"), "");
  EXPECT_EQ(find_header(headers, "B"), "2");
}

TEST(HttpDate, HasTheFormOfTheRfc) {
  EXPECT_EQ(http_date(from_unix_seconds(784111777)), kDate);
  EXPECT_EQ(http_date(from_unix_ms(951782400999)), "Tue, 29 Feb 2000 00:00:00 GMT");
}

}  // namespace
}  // namespace gatecast::http
