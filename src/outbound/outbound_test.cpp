#include "outbound/outbound.hpp"

#include <gtest/gtest.h>

namespace gatecast::outbound {
namespace {

TEST(CheckUrl, TakesTlsAndLoopback) {
  for (const std::string_view url :
       {"https://id.example", "https://id.example:8443/jwks?x=1", "https://[2001:db8::1]/k", "http://127.0.0.1:80/",
        "http://127.255.0.9", "http://localhost:3000/jwks", "http://[::1]:9/"}) {
    const auto good = check_url(url);
    EXPECT_TRUE(good) << url << ": " << good.error().detail;
  }
}

TEST(CheckUrl, RefusesWhatSendWouldNotTry) {
  for (const std::string_view url : {"",
                                     "id.example",
                                     "ftp://id.example",
                                     "HTTPS://id.example",
                                     "https://",
                                     "https:///path",
                                     "https://u:p@id.example",
                                     "https://id.example@evil.example/",
                                     "https://id.example:port/",
                                     "https://id.example:65536/",
                                     "https://id.example/#part",
                                     "https://id.example\\@evil/",
                                     "https://id .example",
                                     "https://id.example/\r\nX: y",
                                     "https://[::1",
                                     "https://[example]/",
                                     "https://.example/",
                                     "file:///etc/passwd",
                                     "http://id.example/",
                                     "http://127.0.0.1.evil.example/",
                                     "http://127.1/",
                                     "http://0177.0.0.1/",
                                     "http://127.0.0.256/",
                                     "http://localhost.evil.example/",
                                     "http://[::2]/",
                                     "http://192.168.0.1/"}) {
    const auto refused = check_url(url);
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().code, Errc::config_invalid);
    EXPECT_EQ(refused.error().detail.find("u:p"), std::string::npos) << "credentials must not be told";
  }
  EXPECT_FALSE(check_url("https://" + std::string(2048, 'a')));
}

TEST(CheckUrl, PlainBeyondLoopbackOnlyWhereAllowed) {
  EXPECT_FALSE(check_url("http://node.internal:8899/"));
  EXPECT_TRUE(check_url("http://node.internal:8899/", true));
  EXPECT_FALSE(check_url("ftp://node.internal/", true));
}

}  // namespace
}  // namespace gatecast::outbound
