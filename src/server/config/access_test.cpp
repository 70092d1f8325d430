#include "server/config/testing.hpp"

namespace gatecast::server {
namespace {

struct Case {
  std::string text, said;
};

void expect_said(const Case& c) {
  Loaded loaded = load_text(c.text + keys());
  EXPECT_NE(listing(loaded).find(c.said), std::string::npos) << c.text << "\n" << listing(loaded);
  EXPECT_FALSE(loaded.ok()) << c.text;
}

TEST(ConfigAccess, ClaimsAreAProfileOrATable) {
  EXPECT_EQ(load_text("[token]\nclaims = \"fonana\"\n" + keys()).config.token.claims.profile, "fonana");
  Loaded table = load_text("[token]\nclaims = {name = \"user.nickname\", plan = \"user.claims.plan\"}\n" + keys());
  ASSERT_TRUE(table.ok()) << listing(table);
  EXPECT_EQ(table.config.token.claims.members.size(), 2u);
  EXPECT_NE(render_show(table).find("{\"name\" = \"user.nickname\", \"plan\" = \"user.claims.plan\"}"),
            std::string::npos);
  LoadOptions options;
  options.text = keys();
  options.sets = {R"(token.claims={"n":"user.id"})"};
  options.make_dev_keys = false;
  EXPECT_EQ(load(options).config.token.claims.members.at(0).first, "n");
  for (const Case& c : {Case{"[token]\nclaims = \"other\"\n", "must be one of default, fonana, unifarm"},
                        Case{"[token]\nclaims = 7\n", "must be a profile's name or a table"},
                        Case{"[token]\nclaims = {a = 7}\n", "must name a source"},
                        Case{"[token]\nclaims = {a = \"user.secret\"}\n", "there is no source user.secret"},
                        Case{"[token]\nclaims = {sid = \"user.id\"}\n", "every token has this claim"}}) {
    expect_said(c);
  }
}

TEST(ConfigAccess, VariantsAreBoundedAndNamedOnce) {
  const auto variant = [](std::string_view name, std::string_view rest) {
    return fmt::format("[[session.variant]]\nname = \"{}\"\n{}\n", name, rest);
  };
  Loaded good = load_text(variant("short", "share = 0.5\naccess_ttl = \"10m\"") + keys());
  ASSERT_TRUE(good.ok()) << listing(good);
  EXPECT_EQ(good.config.session.variants.at(0).access_ttl, std::chrono::minutes{10});
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += variant(fmt::format("v{}", i), "share = 0.1");
  for (const Case& c : {Case{variant("a b", "share = 0.1"), "is not a variant's name"},
                        Case{variant("none", "share = 0.1"), "is not a variant's name"},
                        Case{variant("a", "share = 0.1") + variant("a", "share = 0.1"), "is there twice"},
                        Case{variant("a", "share = 0.6") + variant("b", "share = 0.6"), "the shares are 1.2 together"},
                        Case{variant("a", "share = 2"), "must be from 0 to 1"},
                        Case{"[session]\nrefresh_ttl = \"1h\"\n" + variant("a", "access_ttl = \"2h\""),
                             "is longer than the session's life"},
                        Case{nine, "At most 8"}}) {
    expect_said(c);
  }
}

TEST(ConfigAccess, ACookieIsReadOnlyFromPagesThatAreNamed) {
  EXPECT_TRUE(load_text("[http]\ntoken_cookie = \"access\"\n" + keys()).ok());
  expect_said({"[http]\ntoken_cookie = \"a=b\"\n", "is not a cookie's name"});
  expect_said({"[http]\ntoken_cookie = \"a\"\nallowed_origins = [\"*\"]\n", ""});
}

}  // namespace
}  // namespace gatecast::server
