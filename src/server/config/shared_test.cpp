#include <gtest/gtest.h>

#include "server/config/testing.hpp"

namespace gatecast::server {
namespace {

constexpr const char* kPostgres = "[store]\nurl = \"postgresql://u:hidden@127.0.0.1/app\"\n";

/// "level key text" of the findings about what is shared.
std::vector<std::string> said(const std::string& toml) {
  std::vector<std::string> out;
  for (const auto& f : load_text(toml).findings) {
    if (f.key.starts_with("broker") || f.key.starts_with("cache") || f.key == "store.url") {
      out.push_back(fmt::format("{} {}: {}", name(f.level), f.key, f.text));
    }
  }
  return out;
}

using Said = std::vector<std::string>;

TEST(ConfigShared, OneProcessAloneIsFine) { EXPECT_EQ(said(""), Said{}); }

TEST(ConfigShared, RedisAndPostgresqlGoTogether) {
  EXPECT_EQ(said(std::string(kPostgres) + "[broker]\nurl = \"redis://127.0.0.1:6379/1\"\n"), Said{});
}

TEST(ConfigShared, SeveralNodesDoNotShareAFile) {
  EXPECT_EQ(said("[broker]\nurl = \"redis://127.0.0.1:6379\"\n"),
            Said{"warning store.url: is a file of this node, but the broker is shared: other nodes do not know its "
                 "sessions"});
}

TEST(ConfigShared, OneNodeOnPostgresqlIsANote) {
  EXPECT_EQ(said(kPostgres), Said{"note broker.url: is this process's own, while the database could serve several"});
}

TEST(ConfigShared, AUrlThatCannotBeMeantIsRefusedWithoutItsPassword) {
  for (const std::string url : {"amqp://u:hidden@h/x", "hidden", "redis://u:hidden@h:port/", "redis://u:hidden@/x"}) {
    for (const std::string section : {"broker", "cache"}) {
      const auto found = said(fmt::format("{}[{}]\nurl = \"{}\"\n", kPostgres, section, url));
      const auto refused = std::ranges::find_if(
          found, [&](const std::string& f) { return f.starts_with(fmt::format("error {}.url: ", section)); });
      ASSERT_NE(refused, found.end()) << section << " " << url;
      EXPECT_FALSE(refused->contains("hidden")) << *refused;
    }
  }
  EXPECT_EQ(said("[broker]\nprefix = \"a{b}\"\n"),
            Said{"error broker.prefix: has blanks, braces or other than ASCII, or more than 64 characters"});
}

}  // namespace
}  // namespace gatecast::server
