// What lies between: connections cut in the middle of an answer, messages that stop arriving, TLS.
#include "adapters/redis/test_client.hpp"
#include "adapters/redis/test_proxy.hpp"
#include "net/tls_testing.hpp"

namespace gatecast::redis {
namespace {

using namespace std::chrono_literals;
using testing::At;
using testing::code_of;
using testing::CuttingProxy;
using testing::Notes;
using testing::TestRedis;

TEST(RedisFaults, AnAnswerCutInTheMiddleFailsAllThatWaitedAndTheNextIsItsOwn) {
  TestRedis server;
  CuttingProxy proxy(server.port());
  At at(proxy.url());
  ASSERT_TRUE(at.touch());
  EXPECT_EQ(at.command({"SET", "a", "first-MARK-second"})->text, "OK");
  EXPECT_EQ(at.command({"SET", "b", "other"})->text, "OK");
  proxy.cut_at("-MARK-");
  std::vector<std::string> answers;
  at.loop().call([&] {
    for (const char* key : {"a", "b"}) {
      const std::string_view texts[] = {"GET", key};
      at.client().command(key, texts, [&](Result<Value> value) { answers.push_back(value ? value->text : "lost"); });
    }
  });
  ASSERT_TRUE(at.loop().until([&] { return answers.size() == 2; }));
  EXPECT_EQ(answers, (std::vector<std::string>{"lost", "lost"}));
  ASSERT_TRUE(at.touch());
  EXPECT_EQ(at.command({"GET", "b"})->text, "other");
  EXPECT_EQ(at.command({"GET", "a"})->text, "first-MARK-second");
}

TEST(RedisFaults, MessagesThatStopArrivingAreNoticedByTheProbe) {
  TestRedis server;
  CuttingProxy proxy(server.port());
  Notes notes;
  At at(proxy.url());
  at.loop().call([&] { at.client().listen("a", notes); });
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 1 && at.client().in_touch(); }));
  proxy.swallow(true);
  server.command({"PUBLISH", "a", "lost"});
  ASSERT_TRUE(at.lost(6s));
  EXPECT_EQ(at.command({"PING"})->text, "PONG");
  proxy.swallow(false);
  ASSERT_TRUE(at.touch());
  ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() >= 2; }));
  server.command({"PUBLISH", "a", "heard"});
  ASSERT_TRUE(at.loop().until([&] { return !notes.messages.empty(); }));
  EXPECT_EQ(notes.messages[0], "a=heard");
}

class RedisTls : public ::testing::Test {
 protected:
  std::unique_ptr<TestRedis> start(const std::string& names) {
    ca_ = net::testing::make_pair({.name = "Test Authority", .names = "", .authority = true});
    const auto leaf = net::testing::make_pair({.name = "redis", .names = names, .issuer = &ca_});
    ca_file_ = folder_.write("ca.pem", ca_.certificate_pem());
    port_ = testing::free_port();
    return std::make_unique<TestRedis>(std::vector<std::string>{
        "--tls-port", std::to_string(port_), "--tls-cert-file", folder_.write("cert.pem", leaf.certificate_pem()),
        "--tls-key-file", folder_.write("key.pem", leaf.key_pem()), "--tls-ca-cert-file", ca_file_,
        "--tls-auth-clients", "no"});
  }
  std::string url(const std::string& host) const { return fmt::format("rediss://{}:{}", host, port_); }

  net::testing::Folder folder_{};
  net::testing::Pair ca_{};
  std::string ca_file_{};
  std::uint16_t port_ = 0;
};

TEST_F(RedisTls, SpeaksToAServerUnderAKnownAuthority) {
  auto server = start("DNS:localhost,IP:127.0.0.1");
  for (const char* host : {"localhost", "127.0.0.1"}) {
    Notes notes;
    At at(url(host), {.url = {}, .ca_file = ca_file_});
    ASSERT_TRUE(at.touch()) << at.trouble();
    at.loop().call([&] { at.client().listen("a", notes); });
    ASSERT_TRUE(at.loop().until([&] { return notes.subscribed.size() == 1; }));
    // Many records in each direction.
    EXPECT_EQ(at.command({"SET", "a", std::string(3'000'000, 'x')})->text, "OK");
    EXPECT_EQ(at.command({"GET", "a"})->text.size(), 3'000'000u);
    server->command({"PUBLISH", "a", "1"});
    ASSERT_TRUE(at.loop().until([&] { return notes.messages.size() == 1; }));
  }
}

TEST_F(RedisTls, RefusesAnotherHostAnUnknownAuthorityAndAPlainPort) {
  auto server = start("DNS:elsewhere.example");
  EXPECT_TRUE(At(url("127.0.0.1"), {.url = {}, .ca_file = ca_file_}).refusal().contains("certificate"));
  EXPECT_TRUE(At(url("127.0.0.1")).refusal().contains("certificate"));
  At plain(fmt::format("rediss://127.0.0.1:{}", server->port()), {.url = {}, .ca_file = ca_file_});
  // A plain port answers nothing to a handshake.
  EXPECT_TRUE(plain.loop().until([&] { return !plain.client().trouble().empty() && !plain.client().in_touch(); }));
  EXPECT_EQ(code_of(plain.command({"PING"})), Errc::temporarily_unavailable);
  const auto none = plain.loop().call(
      [&] { return Client::make(plain.loop().loop(), {.url = ServiceUrl(url("x")), .ca_file = "/no/such/file"}); });
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Errc::config_invalid);
}

}  // namespace
}  // namespace gatecast::redis
