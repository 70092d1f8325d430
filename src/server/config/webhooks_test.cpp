#include "server/config/testing.hpp"

namespace gatecast::server {
namespace {

std::string hook(std::string_view over) {
  std::string text = keys();
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"name", "\"app\""},
                                                        {"url", "\"https://app.example/hook\""},
                                                        {"secret", fmt::format("\"{}\"", kTokenSecret)}}) {
    if (name == "name") text += "[[webhook]]\n";
    if (!over.starts_with(name + " ")) text += fmt::format("{} = {}\n", name, value);
  }
  return text + std::string(over) + "\n";
}

TEST(ConfigWebhooks, AGoodOneLoads) {
  const auto loaded = load_text(hook("kinds = [\"user.created\"]"));
  ASSERT_TRUE(loaded.ok()) << listing(loaded);
  ASSERT_EQ(loaded.config.webhooks.size(), 1u);
  EXPECT_EQ(loaded.config.webhooks[0].kinds, Strings{"user.created"});
}

TEST(ConfigWebhooks, WhatIsWrongIsNamed) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"name = \"a b\"", "webhook[0].name: is not a name"},
      {"name = \"\"", "webhook[0].name"},
      {"url = \"http://app.example/hook\"", "webhook[0].url"},
      {"url = \"https://user:word@app.example/\"", "webhook[0].url"},
      {"url = \"ftp://app.example/\"", "webhook[0].url"},
      {"secret = \"short\"", "webhook[0].secret"},
      {"secret = \"\"", "webhook[0].secret: is missing"},
      {"kinds = [\"user.gone\"]", "webhook[0].kinds"},
      {"retries = 3", "webhook[0].retries"},
  };
  for (const auto& [line, said] : cases) {
    const auto loaded = load_text(hook(line));
    EXPECT_FALSE(loaded.ok()) << line;
    EXPECT_NE(listing(loaded).find(said), std::string::npos) << line << "\n" << listing(loaded);
  }
}

TEST(ConfigWebhooks, TwoOfOneNameAreRefused) {
  const std::string one = hook("");
  const auto loaded = load_text(one + one.substr(one.find("[[webhook]]")));
  EXPECT_NE(listing(loaded).find("webhook[1].name: is there twice"), std::string::npos) << listing(loaded);
}

TEST(ConfigWebhooks, SecretsAreNotShown) {
  EXPECT_EQ(render_show(load_text(hook(""))).find(kTokenSecret), std::string::npos);
}

}  // namespace
}  // namespace gatecast::server
