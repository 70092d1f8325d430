#include "server/config/testing.hpp"
#include "server/routes/signin_options.hpp"

namespace gatecast::server {
namespace {

constexpr std::string_view kBot = "[signin.telegram]\nenabled = true\n[[signin.telegram.bot]]\n";

const std::string kHookSecret = "hook_secret = \"c1d2e3f4a5968778695a4b3c2d1e0f00112233445566\"\n";

TEST(ConfigSignin, AllOfIt) {
  const Loaded loaded = load_text(
      "[signin]\nregister = \"ask\"\nhook_url = \"https://app.example/hook\"\n"
      "hook_secret = \"c1d2e3f4a5968778695a4b3c2d1e0f00112233445566\"\n"
      "[signin.ethereum]\nenabled = true\ndomain = \"app.example\"\nchains = [1, 137]\n"
      "rpc_url = \"https://node.example/key\"\nrpc_chain = 137\n"
      "[signin.telegram]\nenabled = true\nmax_age = \"5m\"\n"
      "[[signin.telegram.bot]]\nid = 7342037359\ntoken = \"7342037359:AAFZehRPBRs8Seg40oDjTMIW8uTGPuW1zfQ\"\n"
      "[[signin.telegram.bot]]\nid = 5\nenvironment = \"test\"\n" +
      keys());
  EXPECT_EQ(listing(loaded), "");
  session::SessionOptions options;
  ASSERT_TRUE(fill_signin(loaded.config.signin, options).has_value());
  EXPECT_EQ(options.registration, session::Registration::ask);
  EXPECT_EQ(options.hook.url, "https://app.example/hook");
  EXPECT_EQ(options.ethereum.policy.chains, (Numbers{1, 137}));
  EXPECT_EQ(options.ethereum.rpc_chain, 137U);
  EXPECT_EQ(options.telegram.policy.max_age, std::chrono::minutes{5});
  ASSERT_EQ(options.telegram.policy.bots.size(), 2U);
  EXPECT_EQ(options.telegram.policy.bots[0].id(), 7342037359);
  EXPECT_TRUE(options.telegram.policy.bots[0].has_token());
  EXPECT_FALSE(options.telegram.policy.bots[1].has_token());
  EXPECT_EQ(options.telegram.policy.bots[1].environment(), identity::TelegramEnvironment::test);
  EXPECT_EQ(render_show(loaded).find("AAFZehRPBRs8"), std::string::npos) << "a token is never shown";
}

TEST(ConfigSignin, EachFaultHasItsFinding) {
  const std::pair<std::string, std::string> cases[] = {
      {"[signin]\nregister = \"ask\"\n" + kHookSecret, "signin.hook_url: is missing"},
      {"[signin]\nregister = \"ask\"\nhook_url = \"ftp://x\"\n" + kHookSecret, "signin.hook_url: "},
      {"[signin]\nregister = \"ask\"\nhook_url = \"https://x.example\"\n", "signin.hook_secret: is missing"},
      {"[signin]\nregister = \"ask\"\nhook_url = \"https://x.example\"\nhook_secret = \"short\"\n",
       "signin.hook_secret: "},
      {"[signin.ethereum]\nenabled = true\n", "signin.ethereum.domain: is missing"},
      {"[signin.ethereum]\nenabled = true\ndomain = \"a.example\"\nchains = []\n", "signin.ethereum.chains: is empty"},
      {"[signin.ethereum]\nchains = [\"mainnet\"]\n", "signin.ethereum.chains: must be a list of numbers"},
      {"[signin.ethereum]\nchains = [-1]\n", "signin.ethereum.chains: must be a list of numbers"},
      {"[signin.ethereum]\nrpc_url = \"http://node.example\"\n", "signin.ethereum.rpc_url: "},
      {"[signin.ethereum]\nenabled = true\ndomain = \"a.example\"\nrpc_url = \"https://n.example\"\nrpc_chain = 5\n",
       "signin.ethereum.rpc_chain: 5 is not one"},
      {"[signin.telegram]\nenabled = true\n", "signin.telegram.bot: is missing"},
      {std::string(kBot) + "id = 0\n", "signin.telegram.bot[0].id: "},
      {std::string(kBot) + "id = \"7\"\n", "signin.telegram.bot[0].id: must be a whole number"},
      {std::string(kBot) + "id = 7\ntoken = \"8:abc\"\n", "signin.telegram.bot[0].token: "},
      {std::string(kBot) + "id = 7\ntoken = \"'7:abc'\"\n", "signin.telegram.bot[0].token: "},
      {std::string(kBot) + "id = 7\ntoken = \"7:abc\\n\"\n", "signin.telegram.bot[0].token: "},
      {std::string(kBot) + "id = 7\n[[signin.telegram.bot]]\nid = 7\n", "signin.telegram.bot[1].id: is there twice"},
      {"[signin.telegram]\nenabled = true\ndirect_registration = true\n",
       "signin.telegram.direct_registration: is allowed only with --dev"},
  };
  for (const auto& [text, finding] : cases) {
    const Loaded loaded = load_text(text + keys());
    EXPECT_EQ(loaded.errors(), 1U) << text << listing(loaded);
    EXPECT_NE(listing(loaded).find(finding), std::string::npos) << text << listing(loaded);
  }
  const Loaded dev = load_text("[signin.telegram]\nenabled = true\ndirect_registration = true\n" + keys(), true);
  EXPECT_EQ(dev.errors(), 0U) << listing(dev);
  EXPECT_NE(listing(dev).find("without proof"), std::string::npos);
}

}  // namespace
}  // namespace gatecast::server
