#include "http/client_ip.hpp"

#include <gtest/gtest.h>

namespace gatecast::http {
namespace {

TrustedProxies proxies(std::vector<std::string> entries) {
  auto parsed = TrustedProxies::parse(entries);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().detail);
  return parsed ? *parsed : TrustedProxies{};
}

const std::vector<std::string> kLocal{"127.0.0.1", "10.0.0.0/8", "::1", "2001:db8:1::/48"};

std::string behind(std::string_view peer, Headers headers) { return client_ip(peer, headers, proxies(kLocal)); }
std::string forwarded(std::string value) { return behind("127.0.0.1", {{"X-Forwarded-For", std::move(value)}}); }

TEST(ParseAddress, ReadsAndNormalises) {
  const auto text = [](std::string_view s) {
    const auto address = parse_address(s);
    return address ? address->text() : "none";
  };
  EXPECT_EQ(text("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(text("1.2.3.4:80"), "1.2.3.4");
  EXPECT_EQ(text("2001:DB8:0::1"), "2001:db8::1");
  EXPECT_EQ(text("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(text("[2001:db8::1]:443"), "2001:db8::1");
  EXPECT_EQ(text("::ffff:1.2.3.4"), "1.2.3.4");
  for (const std::string_view bad :
       {"", "unknown", "_x", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:123456",
        "[::1", "[::1]x", "[::1]:", "[1.2.3.4]", "fe80::1%eth0", "::1 ", "1.2.3.4/8"}) {
    EXPECT_EQ(text(bad), "none") << bad;
  }
  EXPECT_EQ(text(std::string_view("1.2.3.4\0x", 9)), "none");
}

TEST(ClientIp, AnUntrustedPeerIsTheClient) {
  EXPECT_EQ(behind("203.0.113.9", {{"X-Forwarded-For", "1.1.1.1"}, {"X-Real-IP", "2.2.2.2"}}), "203.0.113.9");
  EXPECT_EQ(behind("::ffff:203.0.113.9", {}), "203.0.113.9");
  EXPECT_EQ(client_ip("127.0.0.1", {{"X-Forwarded-For", "1.1.1.1"}}, TrustedProxies{}), "127.0.0.1");
}

TEST(ClientIp, IsTheRightMostThatIsNoProxy) {
  EXPECT_EQ(forwarded("1.1.1.1"), "1.1.1.1");
  EXPECT_EQ(forwarded("6.6.6.6, 1.1.1.1"), "1.1.1.1");
  EXPECT_EQ(forwarded("6.6.6.6, 1.1.1.1, 10.2.3.4"), "1.1.1.1");
  EXPECT_EQ(forwarded("6.6.6.6,1.1.1.1 ,\t10.2.3.4,[2001:db8:1::5]:9"), "1.1.1.1");
  EXPECT_EQ(behind("::1", {{"X-Forwarded-For", "6.6.6.6"}, {"x-forwarded-for", "2001:db8:2::7"}}), "2001:db8:2::7");
}

TEST(ClientIp, OnlyProxiesGiveTheFirstOfThem) { EXPECT_EQ(forwarded("10.0.0.9, 10.0.0.8"), "10.0.0.9"); }

TEST(ClientIp, GarbageEndsTheSearch) {
  EXPECT_EQ(forwarded("unknown"), "127.0.0.1");
  EXPECT_EQ(forwarded("1.1.1.1, unknown, 10.0.0.8"), "10.0.0.8");
  EXPECT_EQ(forwarded("1.1.1.1,"), "127.0.0.1");
  EXPECT_EQ(forwarded(", ,"), "127.0.0.1");
  EXPECT_EQ(forwarded("1.1.1.1'; drop table"), "127.0.0.1");
}

TEST(ClientIp, AnEndlessChainIsCut) {
  std::string chain = "6.6.6.6";
  for (int i = 0; i < 100; ++i) chain += ", 10.0.0.8";
  EXPECT_EQ(forwarded(chain), "10.0.0.8");
}

TEST(ClientIp, RealIpServesWhereNothingWasForwarded) {
  EXPECT_EQ(behind("127.0.0.1", {{"X-Real-IP", "1.1.1.1"}}), "1.1.1.1");
  EXPECT_EQ(behind("127.0.0.1", {{"X-Real-IP", "x"}}), "127.0.0.1");
  EXPECT_EQ(behind("127.0.0.1", {{"X-Real-IP", "6.6.6.6"}, {"X-Real-IP", "1.1.1.1"}}), "127.0.0.1");
  EXPECT_EQ(behind("127.0.0.1", {{"X-Real-IP", "6.6.6.6"}, {"X-Forwarded-For", "1.1.1.1"}}), "1.1.1.1");
}

TEST(ClientIp, APeerThatIsNoAddressComesBack) { EXPECT_EQ(behind("unix", {{"X-Forwarded-For", "1.1.1.1"}}), "unix"); }

TEST(ClientScheme, BelievesTrustedPeersOnly) {
  const auto trusted = proxies(kLocal);
  const Headers https{{"X-Forwarded-Proto", "HTTPS"}};
  EXPECT_EQ(client_scheme("127.0.0.1", https, trusted, false), "https");
  EXPECT_EQ(client_scheme("1.1.1.1", https, trusted, false), "http");
  EXPECT_EQ(client_scheme("1.1.1.1", {}, trusted, true), "https");
  EXPECT_EQ(client_scheme("127.0.0.1", {{"X-Forwarded-Proto", "http"}}, trusted, true), "http");
  EXPECT_EQ(client_scheme("127.0.0.1", {{"X-Forwarded-Proto", "https, http"}}, trusted, false), "http");
  EXPECT_EQ(client_scheme("127.0.0.1", {{"X-Forwarded-Proto", "javascript"}}, trusted, false), "http");
}

TEST(TrustedProxies, MatchesBlocksBitByBit) {
  const auto trusted = proxies({"192.168.4.0/22", "2001:db8::/33", "8.8.8.8/32"});
  const auto has = [&trusted](std::string_view s) { return trusted.contains(*parse_address(s)); };
  EXPECT_TRUE(has("192.168.4.0"));
  EXPECT_TRUE(has("192.168.7.255"));
  EXPECT_FALSE(has("192.168.8.0"));
  EXPECT_FALSE(has("192.168.3.255"));
  EXPECT_TRUE(has("2001:db8:7fff::1"));
  EXPECT_FALSE(has("2001:db8:8000::1"));
  EXPECT_TRUE(has("8.8.8.8"));
  EXPECT_FALSE(has("8.8.8.9"));
}

TEST(TrustedProxies, ABlockOfAllIpv4HoldsNoIpv6) {
  const auto trusted = proxies({"0.0.0.0/0"});
  EXPECT_TRUE(trusted.contains(*parse_address("9.9.9.9")));
  EXPECT_FALSE(trusted.contains(*parse_address("2001:db8::1")));
}

TEST(TrustedProxies, RefusesMalformedEntries) {
  for (const std::string bad : {"", "x", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/x", "1.2.3.4/-1", "1.2.3.4/8", "::1/129",
                                "2001:db8::1/32", "localhost", "1.2.3.4:80", "10.0.0.0/8/8", " 10.0.0.0/8"}) {
    const auto parsed = TrustedProxies::parse(std::vector<std::string>{bad});
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Errc::config_invalid);
  }
}

}  // namespace
}  // namespace gatecast::http
