#include "identity/uri_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gatecast::identity {
namespace {

using namespace std::string_literals;

TEST(UriText, Uris) {
  for (const char* good :
       {"https://app.example", "https://app.example/", "https://app.example:8443/a/b;c=1?d=e&f#g", "ipfs://bafy/x.json",
        "urn:isbn:0451450523", "mailto:a@b.example", "http://[::1]:3002/x", "http://[2001:db8::1]", "file:///etc/hosts",
        "https://u:p@app.example", "a:", "a+b-c.1:x", "https://app.example/%E2%9C%93", "https://app.example?q=a/b?c",
        "https://app.example#a/b?c", "did:key:z6Mk", "http://127.0.0.1:80", "https://app.example:"}) {
    EXPECT_TRUE(is_uri(good)) << good;
  }
  for (const std::string& bad : {""s,
                                 ":"s,
                                 "app.example"s,
                                 "//app.example"s,
                                 "1a:x"s,
                                 "https//x"s,
                                 "ht tp://x"s,
                                 "https://a b"s,
                                 "https://a\"b"s,
                                 "https://a/%"s,
                                 "https://a/%2"s,
                                 "https://a/%zz"s,
                                 "https://a#b#c"s,
                                 "https://a/<b>"s,
                                 "https://a\\b"s,
                                 "https://a/\xc3\xa9"s,
                                 "https://a:80x"s,
                                 "https://[::1"s,
                                 "https://::1]"s,
                                 "https://[::g]"s,
                                 "https://[]"s,
                                 "https://a[b]"s,
                                 "https://a/[b]"s,
                                 "https://a@b@c"s,
                                 "https://[::1]x"s,
                                 "https://a/\n"s,
                                 "https://a/\0"s,
                                 "http://[::1\0]"s,
                                 "\xc3\xa9:x"s}) {
    EXPECT_FALSE(is_uri(bad)) << bad;
  }
}

TEST(UriText, Authorities) {
  for (const char* good :
       {"app.example", "localhost:3002", "127.0.0.1", "[::1]:80", "me@app.example", "xn--a", "a_b"}) {
    EXPECT_TRUE(is_authority(good)) << good;
  }
  for (const char* bad : {"", ":80", "app.example/", "app.example?x", "app.example#x", "a b", "a:b", "[::1", "me@",
                          "me@:80", "a@b@c", "https://app.example", "a:80:90", "\xc3\xbc.example"}) {
    EXPECT_FALSE(is_authority(bad)) << bad;
  }
}

TEST(UriText, CharactersOfStatements) {
  EXPECT_TRUE(is_statement_text("I accept: [terms] at https://a.example/?b=c#d, it's (not) hard; $5 + *! ~_-"));
  for (const char* bad :
       {"\"quoted\"", "50%", "a<b", "a\nb", "caf\xc3\xa9", "{}", "a|b", "`", "^", "a\\b", "a\tb", "a\rb"}) {
    EXPECT_FALSE(is_statement_text(bad)) << bad;
  }
  EXPECT_TRUE(is_path_text("req-7:@!%20"));
  for (const char* bad : {"a/b", "a b", "a?b", "a#b", "%2", "[x]"}) EXPECT_FALSE(is_path_text(bad)) << bad;
}

}  // namespace
}  // namespace gatecast::identity
