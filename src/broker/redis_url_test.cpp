#include "broker/redis_url.hpp"

#include <gtest/gtest.h>

namespace gatecast::broker {
namespace {

std::string shown(std::string_view text) {
  const auto url = parse_redis_url(ServiceUrl(std::string(text)));
  if (!url) return "?" + url.error().detail;
  std::string out = url->form == RedisUrl::Form::standalone ? "one"
                    : url->form == RedisUrl::Form::sentinel ? "sentinel"
                                                            : "cluster";
  if (url->tls) out += "+tls";
  for (const auto& host : url->hosts) out += " " + host.shown();
  if (!url->user.empty() || !url->password.empty()) out += fmt::format(" {}:{}", url->user, url->password.expose());
  if (!url->master.empty()) out += " /" + url->master;
  if (url->db != 0) out += fmt::format(" db{}", url->db);
  if (!url->sentinel_password.empty())
    out += fmt::format(" s={}:{}", url->sentinel_user, url->sentinel_password.expose());
  return out;
}

TEST(RedisUrl, Forms) {
  EXPECT_EQ(shown("redis://localhost"), "one localhost:6379");
  EXPECT_EQ(shown("redis://:p%40ss@10.0.0.1:7000/2"), "one 10.0.0.1:7000 :p@ss db2");
  EXPECT_EQ(shown("rediss://u:p@[::1]:7000/"), "one+tls [::1]:7000 u:p");
  EXPECT_EQ(shown("redis+sentinel://u:p@a,b:1/my%2Dmaster/3?sentinel_user=s&sentinel_password=%20x"),
            "sentinel a:26379 b:1 u:p /my-master db3 s=s: x");
  EXPECT_EQ(shown("rediss+cluster://a:1,[fe80::1],c"), "cluster+tls a:1 [fe80::1]:6379 c:6379");
}

TEST(RedisUrl, WhatIsWrongIsNamedAndNoSecretWithIt) {
  for (const auto& [text, why] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"http://a", "is not redis://"},
           {"redis:a", "is not redis://"},
           {"redis+x://a", "is not redis://"},
           {"redis://", "a host is missing"},
           {"redis://:secret@", "a host is missing"},
           {"redis://a:0", "the port of a"},
           {"redis://a:99999", "the port of a"},
           {"redis://a:secret", "the port of a"},
           {"redis://a,b", "several hosts"},
           {"redis://[::1", "in brackets"},
           {"redis://user@a", "without a password"},
           {"redis://u:sec%ret@a", "two hexadecimal digits"},
           {"redis://u:sec/ret@a", "%2F"},
           {"redis://u:sec?ret@a", "%2F"},
           {"redis://u:sec#ret@a", "%23"},
           {"redis://u:sec@ret@a", "%40"},
           {"redis://u:sec ret@a", "a blank"},
           {"redis://a/secret", "not a number"},
           {"redis://a?secret=secret", "no such parameter: secret"},
           {"redis://a?sentinel_user=x", "no such parameter: sentinel_user"},
           {"redis+cluster://a/1", "no numbered databases"},
           {"redis+sentinel://a", "the master's name is missing"},
           {"redis+sentinel://a/m?sentinel_user=x", "without sentinel_password"},
           {"redis+sentinel://a/m?sentinel_user", "has no value"}}) {
    const std::string said = shown(text);
    EXPECT_TRUE(said.starts_with("?") && said.contains(why)) << text << " gave " << said;
    EXPECT_FALSE(said.contains("ret") && !text.contains("a?secret")) << said;
  }
  EXPECT_TRUE(shown("redis://" + std::string(3000, 'a')).contains("2048"));
}

TEST(RedisUrl, Prefixes) {
  EXPECT_TRUE(is_redis_prefix(""));
  EXPECT_TRUE(is_redis_prefix("gatecast:"));
  for (const char* bad : {"a b", "a{", "}", "a\n", "\xc3\xa4"}) EXPECT_FALSE(is_redis_prefix(bad)) << bad;
  EXPECT_FALSE(is_redis_prefix(std::string(65, 'a')));
}

}  // namespace
}  // namespace gatecast::broker
