#include "adapters/https/https_outbound.hpp"

#include <gtest/gtest.h>

#include "adapters/https/test_server.hpp"
#include "core/manual_loop.hpp"

namespace gatecast::https {
namespace {

using outbound::Reply;
using outbound::Request;

class HttpsOutboundTest : public testing::Test {
 protected:
  static std::unique_ptr<HttpsOutbound> make(HttpsOutbound::Options options) {
    auto made = HttpsOutbound::make(std::move(options));
    EXPECT_TRUE(made) << made.error().detail;
    return std::move(*made);
  }
  Result<Reply> send(HttpsOutbound& client, Request request) { return loop_.run(client.send(std::move(request))); }
  Result<Reply> get(HttpsOutbound& client, const std::string& url) { return send(client, {.url = url}); }

  ManualClock clock_;
  ManualLoop loop_{clock_};
  TestAuthority authority_;
};

TEST_F(HttpsOutboundTest, GetsAndPostsOverTls) {
  TestServer server(&authority_);
  auto client = make({.ca_file = authority_.file()});
  const auto got = get(*client, server.url("/echo?a=1"));
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->status, 200u);
  EXPECT_TRUE(got->body.starts_with("GET /echo?a=1 HTTP/1.1\r\n")) << got->body;
  const std::pair<std::string, std::string> type{"content-type", "text/plain"};
  EXPECT_NE(std::find(got->headers.begin(), got->headers.end(), type), got->headers.end());

  const std::string body(3000, 'b');
  const auto posted = send(*client, {.method = "POST",
                                     .url = server.url("/echo", "localhost"),
                                     .headers = {{"X-One", "1"}, {"X-Empty", ""}},
                                     .body = body});
  ASSERT_TRUE(posted) << posted.error().detail;
  EXPECT_TRUE(posted->body.starts_with("POST /echo HTTP/1.1\r\n"));
  EXPECT_NE(posted->body.find("\r\nX-One: 1\r\n"), std::string::npos);
  EXPECT_NE(posted->body.find("\r\nX-Empty:\r\n"), std::string::npos);
  EXPECT_EQ(posted->body.find("Expect:"), std::string::npos);
  EXPECT_TRUE(posted->body.ends_with("\r\n\r\n" + body));
}

TEST_F(HttpsOutboundTest, AnotherAuthorityOrAnotherNameIsRefusedBeforeTheRequest) {
  TestServer server(&authority_);
  const TestAuthority stranger;
  auto system_only = make({});
  auto other = make({.ca_file = stranger.file()});
  for (HttpsOutbound* client : {system_only.get(), other.get()}) {
    const auto refused = get(*client, server.url("/echo?key=hidden"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::outbound_failed);
    EXPECT_EQ(refused.error().detail.find("hidden"), std::string::npos) << refused.error().detail;
  }
  const TestAuthority elsewhere("DNS:elsewhere.example");
  TestServer misnamed(&elsewhere);
  auto client = make({.ca_file = elsewhere.file()});
  EXPECT_FALSE(get(*client, misnamed.url("/echo"))) << "the certificate is for another name";
  EXPECT_EQ(server.requests() + misnamed.requests(), 0);
}

TEST_F(HttpsOutboundTest, RedirectsAreAnswersNotFollowed) {
  TestServer server(&authority_);
  auto client = make({.ca_file = authority_.file()});
  const auto got = get(*client, server.url("/redirect"));
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->status, 302u);
  EXPECT_EQ(got->body, "moved");
  const std::pair<std::string, std::string> kept{"x-kept", "a b"};
  EXPECT_NE(std::find(got->headers.begin(), got->headers.end(), kept), got->headers.end());
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(HttpsOutboundTest, RepliesOverTheBoundsAreErrors) {
  TestServer server;
  auto client = make({});
  EXPECT_TRUE(send(*client, {.url = server.url("/large"), .reply_bytes = 5000}));
  for (const char* path : {"/large", "/headers", "/endless"}) {
    const auto refused = send(*client, {.url = server.url(path), .reply_bytes = 4999});
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code, Errc::outbound_failed);
    EXPECT_NE(refused.error().detail.find("too long"), std::string::npos) << refused.error().detail;
  }
}

TEST_F(HttpsOutboundTest, TimeIsForAllOfIt) {
  TestServer server;
  auto client = make({});
  const auto begun = std::chrono::steady_clock::now();
  const auto refused = send(*client, {.url = server.url("/hang"), .time = std::chrono::milliseconds{200}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::outbound_failed);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{10});
  EXPECT_FALSE(send(*client, {.url = server.url("/echo"), .time = Duration{0}}));
}

TEST_F(HttpsOutboundTest, AClosedPortIsAnError) {
  auto client = make({});
  std::string url;
  {
    TestServer gone;
    url = gone.url("/");
  }
  const auto refused = get(*client, url);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::outbound_failed);
}

TEST_F(HttpsOutboundTest, TheEnvironmentsProxyIsNotUsed) {
  TestServer server;
  ::setenv("http_proxy", "http://127.0.0.1:9", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
  auto client = make({});
  const auto got = get(*client, server.url("/echo"));
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  EXPECT_TRUE(got) << got.error().detail;
}

TEST_F(HttpsOutboundTest, MalformedRequestsAreNotSent) {
  TestServer server;
  auto client = make({});
  EXPECT_FALSE(get(*client, "ftp://127.0.0.1/"));
  EXPECT_FALSE(get(*client, "http://id.example/"));
  EXPECT_FALSE(send(*client, {.method = "DELETE", .url = server.url("/echo")}));
  for (const auto& header : std::vector<std::pair<std::string, std::string>>{
           {"X-A", "b\r\nX-C: d"}, {"X A", "b"}, {"X-A:", "b"}, {"", "b"}}) {
    EXPECT_FALSE(send(*client, {.url = server.url("/echo"), .headers = {header}})) << header.first;
  }
  EXPECT_EQ(server.requests(), 0);
}

Task<void> keep(HttpsOutbound& client, Request request, std::vector<Errc>& into) {
  const auto reply = co_await client.send(std::move(request));
  into.push_back(reply ? Errc::internal : reply.error().code);
}

TEST_F(HttpsOutboundTest, OverTheBoundItSaysOverloadedAndStopCancelsTheRest) {
  TestServer server;
  auto client = make({.running_max = 2, .waiting_max = 3});
  std::vector<Errc> outcomes;
  for (int i = 0; i < 20; ++i) {
    spawn(keep(*client, {.url = server.url("/hang"), .time = std::chrono::seconds{60}}, outcomes));
  }
  client->stop();
  while (outcomes.size() < 20) loop_.turn();
  const auto overloaded = std::count(outcomes.begin(), outcomes.end(), Errc::overloaded);
  EXPECT_GE(overloaded, 20 - 5);
  EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), Errc::cancelled), 20 - overloaded);
  const auto late = get(*client, server.url("/echo"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::cancelled);
}

TEST_F(HttpsOutboundTest, ManyAtOnceAllGetTheirOwnAnswer) {
  TestServer server;
  auto client = make({.running_max = 4});
  std::vector<Errc> outcomes;
  for (int i = 0; i < 60; ++i) {
    spawn(keep(*client, {.url = server.url("/echo"), .time = std::chrono::seconds{60}}, outcomes));
  }
  while (outcomes.size() < 60) loop_.turn();
  EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), Errc::internal), 60);
  EXPECT_EQ(server.requests(), 60);
}

TEST(HttpsOutboundOptions, AFileWithoutCertificatesIsAConfigurationError) {
  const auto refused = HttpsOutbound::make({.ca_file = "/nonexistent/ca.pem"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::config_invalid);
  EXPECT_FALSE(HttpsOutbound::make({.ca_file = "/dev/null"}));
}

}  // namespace
}  // namespace gatecast::https
