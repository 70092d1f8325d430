#include "http/origin.hpp"

#include <gtest/gtest.h>

namespace gatecast::http {
namespace {

bool allows(std::vector<std::string> entries, std::string_view origin, std::string_view host = "api.example.com") {
  const auto policy = OriginPolicy::parse(entries);
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().detail);
  return policy && policy->allows(origin, host);
}

TEST(OriginPolicy, NoOriginIsNoPage) {
  EXPECT_TRUE(allows({}, ""));
  EXPECT_TRUE(allows({"https://a.com"}, ""));
}

TEST(OriginPolicy, WithoutEntriesOnlyTheSameHost) {
  EXPECT_TRUE(allows({}, "https://api.example.com"));
  EXPECT_TRUE(allows({}, "https://API.example.com", "api.EXAMPLE.com"));
  EXPECT_TRUE(allows({}, "http://api.example.com:3002", "api.example.com:3002"));
  EXPECT_TRUE(allows({}, "https://api.example.com", "api.example.com:443"));
  EXPECT_TRUE(allows({}, "http://[::1]:8080", "[::1]:8080"));
  EXPECT_FALSE(allows({}, "https://example.com"));
  EXPECT_FALSE(allows({}, "https://api.example.com:8443"));
  EXPECT_FALSE(allows({}, "http://api.example.com", "api.example.com:443"));
  EXPECT_FALSE(allows({}, "https://api.example.com.evil.com"));
  EXPECT_FALSE(allows({}, "https://api.example.com", ""));
  EXPECT_FALSE(allows({}, "null"));
}

TEST(OriginPolicy, MatchesExactly) {
  const std::vector<std::string> one{"https://app.example.com", "http://localhost:5173", "capacitor://localhost"};
  EXPECT_TRUE(allows(one, "https://app.example.com"));
  EXPECT_TRUE(allows(one, "HTTPS://APP.example.com"));
  EXPECT_TRUE(allows(one, "https://app.example.com:443"));
  EXPECT_TRUE(allows(one, "http://localhost:5173"));
  EXPECT_TRUE(allows(one, "capacitor://localhost"));
  for (const std::string_view other :
       {"http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.com",
        "https://evilapp.example.com", "https://example.com", "http://localhost", "http://localhost:5174",
        "https://api.example.com", "null", "https://", "https://app.example.com/",
        "https://app.example.com https://evil.com", "https://u@app.example.com", "app.example.com",
        "https://evil.com#https://app.example.com", "https://app.example.com\\.evil.com", "://app.example.com"}) {
    EXPECT_FALSE(allows(one, other)) << other;
  }
}

TEST(OriginPolicy, AWildcardStandsForSubdomains) {
  const std::vector<std::string> below{"https://*.example.com"};
  EXPECT_TRUE(allows(below, "https://a.example.com"));
  EXPECT_TRUE(allows(below, "https://a.b.example.com"));
  for (const std::string_view other :
       {"https://example.com", "https://.example.com", "http://a.example.com", "https://a.example.com:8443",
        "https://aexample.com", "https://a.example.com.evil.com", "https://evil.com/.example.com"}) {
    EXPECT_FALSE(allows(below, other)) << other;
  }
  EXPECT_TRUE(allows({"http://*.localhost:3000"}, "http://a.localhost:3000"));
}

TEST(OriginPolicy, AStarAllowsAll) {
  EXPECT_TRUE(allows({"*"}, "https://anything.example"));
  EXPECT_TRUE(allows({"https://a.com", "*"}, "null"));
}

TEST(OriginPolicy, RefusesMalformedEntries) {
  for (const std::string bad :
       {"", "example.com", "https://", "https://a.com/", "https://a.com/path", "https://*", "https://a.*.com",
        "*.a.com", "https://*.*.com", "https://a b", "null", "https://a.com,https://b.com"}) {
    const auto policy = OriginPolicy::parse(std::vector<std::string>{bad});
    ASSERT_FALSE(policy) << bad;
    EXPECT_EQ(policy.error().code, Errc::config_invalid);
  }
}

}  // namespace
}  // namespace gatecast::http
