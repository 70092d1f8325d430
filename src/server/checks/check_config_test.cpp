#include "server/checks/check_config.hpp"

#include <algorithm>

#include "server/config/testing.hpp"
#include "token/key_folder.hpp"

namespace gatecast::server {
namespace {

using std::chrono::days;
using std::chrono::hours;

const WallTime kNow = from_unix_seconds(1'800'000'000);

/// "fail secrets.token" of what is not fine.
std::vector<std::string> wrong(const Checks& checks) {
  std::vector<std::string> out;
  for (const auto& check : checks) {
    if (check.level == CheckLevel::ok || check.level == CheckLevel::skip) continue;
    out.push_back(fmt::format("{} {}", name(check.level), check.id));
  }
  return out;
}
const Check* find(const Checks& checks, std::string_view id) {
  const auto at = std::ranges::find(checks, id, &Check::id);
  return at == checks.end() ? nullptr : &*at;
}
using Lines = std::vector<std::string>;

struct Broken {
  std::string config;
  std::string_view line;
};

TEST(CheckFindings, EachFindingIsNamedByItsCheck) {
  const std::string token = fmt::format("[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"{}\"\n", kTokenSecret);
  const std::string session = fmt::format("[[session.key]]\nsecret = \"{}\"\n", kSessionSecret);
  const auto token_of = [](std::string_view secret) {
    return fmt::format("[[token.key]]\nalgorithm = \"HS256\"\nsecret = '{}'\n", secret);
  };
  const std::vector<Broken> cases = {
      {session, "fail secrets.token"},
      {token, "fail secrets.session"},
      {token_of("your-256-bit-secret") + session, "fail secrets.token"},
      {token_of("short") + session, "fail secrets.token"},
      {token_of(fmt::format("\"{}\"", kTokenSecret)) + session, "fail secrets.token"},
      {token_of(fmt::format("{} ", kTokenSecret)) + session, "fail secrets.token"},
      {token + fmt::format("[[session.key]]\nsecret = \"{}\"\n", kTokenSecret), "fail secrets.session"},
      {keys() + "[[api.key]]\nname = \"a\"\nsha256 = \"12\"\n", "fail secrets.api"},
      {keys() + "[[ops.operator]]\nname = \"a\"\nsha256 = \"12\"\n", "fail secrets.api"},
      {keys() + "[http]\nallowed_origins = [\"https://app.example/\"]\n", "fail http.origins"},
      {keys() + "[http]\naddress = \"nowhere\"\n", "fail config.value"},
      {keys() + "[http]\nadress = \"127.0.0.1:1\"\n", "fail config.value"},
      {"[http\n", "fail config.file"},
      {keys() + "[http]\ntls = { cert = \"/none.pem\", key = \"/none.key\" }\n", "fail tls.certificate"},
      {keys() + "[ops]\naddress = \"0.0.0.0:9090\"\n", "warn ops.exposure"},
      {keys() + "[realtime]\ninsecure = true\n", "fail mode.dev"},
      {keys() + "[signin.telegram]\nenabled = true\n[[signin.telegram.bot]]\nid = 12\ntoken = \"13:abc\"\n",
       "fail telegram.bot"},
      {keys() + "[signin]\nregister = \"ask\"\nhook_url = \"http://127.0.0.1:1/h\"\nhook_secret = \"x\"\n",
       "fail secrets.other"},
  };
  for (const auto& [config, line] : cases) {
    const auto lines = wrong(check_findings(load_text(config)));
    EXPECT_NE(std::ranges::find(lines, line), lines.end()) << config << fmt::format("{}", fmt::join(lines, "\n"));
  }
}

TEST(CheckFindings, WhatIsWrongHasItsPlaceAndItsCure) {
  const auto checks = check_findings(load_text(keys() + "[http]\naddress = \"nowhere\"\n"));
  const auto* check = find(checks, "config.value");
  ASSERT_NE(check, nullptr);
  EXPECT_TRUE(check->seen.starts_with("http.address: \"nowhere\" is not an address (")) << check->seen;
  EXPECT_NE(check->cure.find("127.0.0.1:3002"), std::string::npos) << check->cure;
}

TEST(CheckFindings, WhereNothingIsWrongFingerprintsAreShownAndNoSecret) {
  const auto checks = check_findings(load_text(keys()));
  EXPECT_EQ(wrong(checks), Lines{});
  for (const auto id : {"config.value", "secrets.token", "secrets.session", "secrets.api"}) {
    ASSERT_NE(find(checks, id), nullptr) << id;
  }
  EXPECT_NE(find(checks, "secrets.token")->seen.find(':'), std::string::npos) << find(checks, "secrets.token")->seen;
  const auto all = checks_json(checks);
  EXPECT_EQ(all.find(kTokenSecret), std::string::npos);
  EXPECT_EQ(all.find(kSessionSecret), std::string::npos);
}

TEST(CheckValues, DevelopmentPagesAndPlainOrigins) {
  Config config;
  EXPECT_EQ(wrong(check_values(config)), Lines{});
  config.pages.enabled = true;
  EXPECT_EQ(wrong(check_values(config)), Lines{"warn mode.pages"});
  config.dev = true;
  EXPECT_EQ(wrong(check_values(config)), Lines{"warn mode.dev"});
  config = {};
  config.http.allowed_origins = {"https://app.example", "http://localhost:3000", "http://127.0.0.1:1"};
  EXPECT_EQ(wrong(check_values(config)), Lines{});
  config.http.allowed_origins.push_back("http://app.example");
  EXPECT_EQ(wrong(check_values(config)), Lines{"warn http.origins"});
}

TEST(CheckKeys, TheOneThatSignsMustNotEnd) {
  Config config;
  config.token.key_dir.clear();
  EXPECT_EQ(wrong(check_keys(config, kNow)), Lines{"fail keys.signing"});
  config.token.keys.push_back({.kid = "one", .algorithm = "EdDSA", .fingerprint = "ab:cd"});
  EXPECT_EQ(wrong(check_keys(config, kNow)), Lines{});
  EXPECT_EQ(find(check_keys(config, kNow), "keys.signing")->seen, "one EdDSA ab:cd");
  config.token.keys[0].use_until = kNow + days(15);
  EXPECT_EQ(wrong(check_keys(config, kNow)), Lines{});
  config.token.keys[0].use_until = kNow + days(13);
  EXPECT_EQ(wrong(check_keys(config, kNow)), Lines{"warn keys.use_until"});
  config.token.keys[0].use_until = kNow;
  EXPECT_EQ(wrong(check_keys(config, kNow)), Lines{"fail keys.use_until"});
}

TEST(CheckKeys, OthersMayEndAndAreNamed) {
  Config config;
  config.token.key_dir.clear();
  config.token.keys = {{.kid = "one", .algorithm = "EdDSA"}, {.kid = "two", .use_until = kNow - hours(1)}};
  config.session.keys = {{.id = "s1"}, {.id = "s2", .use_until = kNow - hours(1)}};
  config.api_keys = {{.name = "shop", .use_until = kNow + hours(30)}};
  const auto checks = check_keys(config, kNow);
  EXPECT_EQ(wrong(checks), (Lines{"warn keys.use_until", "warn keys.use_until", "warn keys.use_until"}));
  EXPECT_NE(checks_json(checks).find("api.key shop ends at 2027-01-16T14:00:00Z, in 1 day\""), std::string::npos)
      << checks_json(checks);
  config.session.keys[0].use_until = kNow - hours(1);
  EXPECT_EQ(std::ranges::count(wrong(check_keys(config, kNow)), "fail keys.use_until"), 1);
}

TEST(CheckKeys, AFolderWithoutAnActiveKeySignsNothing) {
  Folder folder;
  Config config;
  config.token.key_dir = folder.at("keys");
  auto keys = token::KeyFolder::open(config.token.key_dir);
  ASSERT_TRUE(keys);
  const auto made = keys->add(token::Algorithm::eddsa);
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_EQ(wrong(check_keys(config, kNow)), Lines{"fail keys.signing"});
  EXPECT_EQ(find(check_keys(config, kNow), "keys.next")->seen, made->kid + " waiting");
  ASSERT_TRUE(keys->activate(made->kid, kNow, std::chrono::seconds(60)));
  EXPECT_EQ(wrong(check_keys(config, kNow)), Lines{});
}

}  // namespace
}  // namespace gatecast::server
