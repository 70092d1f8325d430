#include "http/parser.hpp"

#include <gtest/gtest.h>

#include "http/transcript.hpp"

namespace gatecast::http {
namespace {

const std::string kPost =
    "POST /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

TEST(RequestParser, ReadsEveryPart) {
  RequestParser parser;
  EXPECT_FALSE(parser.started());
  ASSERT_EQ(parser.feed(kPost).value(), kPost.size());
  ASSERT_TRUE(parser.done());
  const Request request = parser.take();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/a%20b?x=1");
  EXPECT_EQ(request.path, "/a b");
  EXPECT_EQ(request.query, "x=1");
  EXPECT_EQ(request.header("content-TYPE"), "text/plain");
  EXPECT_EQ(request.header("absent"), "");
  EXPECT_EQ(request.body, "hello");
  EXPECT_TRUE(request.keep_alive);
  EXPECT_TRUE(request.http_1_1);
  EXPECT_EQ(request.headers.size(), 3u);
}

TEST(RequestParser, TakesNoByteOfTheNextRequest) {
  const std::string two = kPost + "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  for (std::size_t cut = 0; cut <= two.size(); ++cut) {
    RequestParser parser;
    std::size_t used = parser.feed(std::string_view(two).substr(0, cut)).value();
    EXPECT_EQ(used, std::min(cut, kPost.size()));
    used += parser.feed(std::string_view(two).substr(used)).value();
    ASSERT_EQ(used, kPost.size()) << cut;
    EXPECT_EQ(parser.take().body, "hello");
    EXPECT_FALSE(parser.started());
    ASSERT_EQ(parser.feed(std::string_view(two).substr(used)).value(), two.size() - used);
    EXPECT_EQ(parser.take().method, "GET");
  }
}

TEST(RequestParser, IdenticalForEveryPairOfCuts) {
  const std::string bytes =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: v\r\n\r\nGET / "
      "HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::vector<std::string> expected{"POST / keep", "body \"abc\"", "GET / keep"};
  for (std::size_t a = 0; a <= bytes.size(); ++a) {
    for (std::size_t b = a; b <= bytes.size(); ++b) ASSERT_EQ(transcript(bytes, {a, b}, {}), expected) << a << " " << b;
  }
}

TEST(RequestParser, SaysWhenTheClientWaitsForContinue) {
  RequestParser parser;
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  EXPECT_FALSE(parser.expects_continue());
  ASSERT_TRUE(parser.feed(head));
  EXPECT_TRUE(parser.expects_continue());
  ASSERT_TRUE(parser.feed("h"));
  EXPECT_FALSE(parser.expects_continue());
  ASSERT_TRUE(parser.feed("i"));
  EXPECT_TRUE(parser.done());
  EXPECT_EQ(parser.take().body, "hi");
  EXPECT_FALSE(parser.expects_continue());
}

TEST(RequestParser, ExpectsNothingWithoutABodyOrOnHttp10) {
  RequestParser parser;
  ASSERT_TRUE(parser.feed("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_FALSE(parser.expects_continue());
  parser.take();
  ASSERT_TRUE(parser.feed("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
  EXPECT_FALSE(parser.expects_continue());
}

TEST(RequestParser, StaysFailedAfterAnError) {
  RequestParser parser;
  ASSERT_FALSE(parser.feed("GET / HTTP/1.1\n"));
  const auto again = parser.feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::http_malformed);
  EXPECT_FALSE(parser.done());
}

TEST(RequestParser, KeepsAtMostTheHeadItWasTold) {
  RequestParser parser(Limits{.header_bytes = 1000, .body_bytes = 10});
  const std::string endless(100, 'a');
  ASSERT_TRUE(parser.feed("GET / HTTP/1.1\r\nX: "));
  Errc code = Errc::internal;
  int fed = 0;
  for (; fed < 100; ++fed) {
    const auto r = parser.feed(endless);
    if (!r) {
      code = r.error().code;
      break;
    }
  }
  EXPECT_EQ(code, Errc::header_too_large);
  EXPECT_EQ(fed, 9);
}

}  // namespace
}  // namespace gatecast::http
