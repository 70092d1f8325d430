#include "core/text_form.hpp"
#include "crypto/hash.hpp"
#include "server/config/keys.hpp"
#include "server/config/testing.hpp"

namespace gatecast::server {
namespace {

TEST(ConfigSecrets, RefusedByName) {
  struct Case {
    std::string secret;
    std::string text;
    std::string encoding = "text";
  };
  const std::string good(kSessionSecret);
  const Case cases[] = {
      {"", "has neither secret nor file"},
      {"your-secret-key", "the secret is a well-known default"},
      {"changeme", "the secret is a well-known default"},
      {"SECRET", "the secret is a well-known default"},
      {"supersecret", "the secret is a well-known default"},
      {"<put-a-long-and-random-secret-of-yours-here>", "the secret is a placeholder that was never filled in"},
      {"${SESSION_SECRET_OF_THE_ENVIRONMENT_HERE}", "the secret is a placeholder that was never filled in"},
      {"your-very-own-session-key-goes-in-this-place", "the secret is a placeholder that was never filled in"},
      {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "the secret is one character repeated"},
      {"q8Zt1LmP0", "the secret has 9 bytes, 32 are needed"},
      {good.substr(0, 31), "the secret has 31 bytes, 32 are needed"},
      {"\"" + good + "\"", "the secret has quotes around it"},
      {"'" + good + "'", "the secret has quotes around it"},
      {good + "\r", "the secret has a carriage return in it"},
      {good + "\n", "the secret has a newline at its end"},
      {" " + good, "the secret has blanks before it"},
      {good + " ", "the secret has blanks after it"},
      {good + "!", "the secret is not hex", "hex"},
      {good, "the secret has 24 bytes, 32 are needed", "hex"},
      {good + "*", "the secret is not base64 with its padding", "base64"},
  };
  for (const Case& c : cases) {
    LoadOptions options;
    options.text = fmt::format("[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"{}\"\n", kTokenSecret);
    std::string json;
    for (char ch : c.secret) json += ch == '\r' ? "\\r" : ch == '\n' ? "\\n" : ch == '"' ? "\\\"" : std::string(1, ch);
    options.environment = {
        {"GATECAST_SESSION__KEY", fmt::format("[{{\"secret\":\"{}\",\"secret_encoding\":\"{}\"}}]", json, c.encoding)}};
    Loaded loaded = load(options);
    ASSERT_EQ(loaded.findings.size(), 1u) << c.secret << "\n" << listing(loaded);
    EXPECT_EQ(loaded.findings[0].text, c.text) << c.secret;
    EXPECT_EQ(loaded.findings[0].key, "session.key[0].secret");
    EXPECT_EQ(loaded.findings[0].where, "environment GATECAST_SESSION__KEY");
    EXPECT_FALSE(loaded.findings[0].cure.empty());
    EXPECT_FALSE(loaded.ok());
    if (c.secret.size() > 16) {
      EXPECT_EQ(listing(loaded).find(c.secret), std::string::npos);
    }
  }
}

TEST(ConfigSecrets, GoodOnesInEveryEncoding) {
  std::string bytes = crypto::sha256("a") + crypto::sha256("b");
  for (auto [encoding, text] :
       {std::pair<std::string, std::string>{"hex", hex_encode(bytes)}, {"base64", base64_encode(bytes)}}) {
    Loaded loaded =
        load_text(fmt::format("[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"{}\"\n[[session.key]]\nsecret_encoding "
                              "= \"{}\"\nsecret = \"{}\"\n",
                              kTokenSecret, encoding, text));
    EXPECT_EQ(listing(loaded), "");
    EXPECT_EQ(loaded.config.session.keys[0].material.expose(), bytes);
  }
}

TEST(ConfigSecrets, MissingKeysSayWhereWasLookedAndHowToMakeOne) {
  Loaded loaded = load(LoadOptions{});
  EXPECT_EQ(listing(loaded),
            "error    --config: token.key: no key: no --config file was given, GATECAST_TOKEN__KEY is not set\n"
            "         gatecast keys new --out token-key.pem, then [[token.key]] file = \"token-key.pem\"; or start "
            "with --dev.\n"
            "error    --config: session.key: no key: no --config file was given, GATECAST_SESSION__KEY is not set\n"
            "         openssl rand -base64 48 > session.key, then [[session.key]] file = \"session.key\"; or start "
            "with --dev.\n");
}

TEST(ConfigSecrets, ASessionKeyMustNotBeATokenKey) {
  // Written differently, the same bytes.
  Loaded loaded =
      load_text(fmt::format("[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"{}\"\n"
                            "[[session.key]]\nsecret = \"{}\"\nsecret_encoding = \"hex\"\n",
                            kTokenSecret, hex_encode(kTokenSecret)));
  ASSERT_EQ(loaded.findings.size(), 1u) << listing(loaded);
  EXPECT_TRUE(loaded.findings[0].text.starts_with("is the same key as token.key[0], fingerprint "));
  EXPECT_EQ(loaded.findings[0].text.find(kTokenSecret), std::string::npos);
}

TEST(ConfigSecrets, ASecretOnAnAsymmetricKeyAndAMissingFile) {
  Loaded secret = load_text(fmt::format("[[token.key]]\nsecret = \"{0}\"\n[[session.key]]\nsecret = \"{1}\"\n",
                                        kTokenSecret, kSessionSecret));
  EXPECT_TRUE(listing(secret).starts_with(
      "error    gatecast.toml:2:1: token.key[0].secret: EdDSA keys are files, not secrets\n"))
      << listing(secret);
  Loaded file = load_text(
      fmt::format("[[token.key]]\nfile = \"no/such.pem\"\n[[session.key]]\nsecret = \"{}\"\n", kSessionSecret));
  EXPECT_TRUE(listing(file).starts_with("error    gatecast.toml:2:1: token.key[0].file: no/such.pem: cannot open: "))
      << listing(file);
}

TEST(ConfigSecrets, DevLetsWeakOnesPassWithAWarning) {
  Loaded loaded = load_text(
      "[[token.key]]\nalgorithm = \"HS256\"\nsecret = \"changeme\"\n[[session.key]]\nsecret = \"short\"\n", true);
  EXPECT_TRUE(loaded.ok()) << listing(loaded);
  EXPECT_EQ(loaded.warnings(), 2u) << listing(loaded);
  EXPECT_TRUE(make_key_ring(loaded.config));
  Loaded form = load_text(
      "[[token.key]]\nalgorithm = \"HS256\"\nsecret = \" changeme\"\n[[session.key]]\nsecret = \"short\"\n", true);
  EXPECT_FALSE(form.ok());
}

TEST(ConfigDev, MakesKeysOnceAndKeepsThem) {
  Folder folder;
  LoadOptions options;
  options.dev = true;
  options.sets = {"data.dir=" + folder.at("data"), "http.address=127.0.0.1:8123"};
  Loaded first = load(options);
  ASSERT_EQ(listing(first), "");
  for (const char* name : {"data/dev-token-key.pem", "data/dev-session.key", "data/dev-api.key"}) {
    struct stat st{};
    ASSERT_EQ(stat(folder.at(name).c_str(), &st), 0) << name;
    EXPECT_EQ(st.st_mode & 0777u, 0600u) << name;
  }
  Loaded second = load(options);
  EXPECT_EQ(first.config.token.keys[0].fingerprint, second.config.token.keys[0].fingerprint);
  EXPECT_EQ(first.config.session.keys[0].material.expose(), second.config.session.keys[0].material.expose());
  EXPECT_EQ(first.config.api_keys[0].digest, second.config.api_keys[0].digest);
  EXPECT_TRUE(first.config.api_keys[0].allows("publish"));
  EXPECT_TRUE(first.config.pages.enabled);
  EXPECT_EQ(first.config.signin.solana.domain, (Strings{"localhost:8123", "127.0.0.1:8123"}));
  EXPECT_EQ(first.config.http.allowed_origins, (Strings{"http://localhost:8123", "http://127.0.0.1:8123"}));
  ASSERT_EQ(first.config.namespaces.size(), 2u);
  EXPECT_TRUE(first.config.namespaces[0].name.empty() && first.config.namespaces[0].allow_publish_for_client);
}

TEST(ConfigDev, NothingIsMadeWithoutItOrForACheck) {
  Folder folder;
  LoadOptions options;
  options.sets = {"data.dir=" + folder.at("data")};
  EXPECT_FALSE(load(options).ok());
  options.dev = true;
  options.make_dev_keys = false;
  EXPECT_EQ(listing(load(options)), "");
  EXPECT_FALSE(std::filesystem::exists(folder.at("data")));
}

TEST(ConfigDev, WhatTheFileSaysStands) {
  Loaded loaded = load_text(
      "[pages]\nenabled = false\n[[namespace]]\nname = \"own\"\n[signin.solana]\ndomain = \"app.example\"\n" + keys(),
      true);
  EXPECT_EQ(listing(loaded), "");
  EXPECT_FALSE(loaded.config.pages.enabled);
  ASSERT_EQ(loaded.config.namespaces.size(), 1u);
  EXPECT_EQ(loaded.config.signin.solana.domain, Strings{"app.example"});
}

}  // namespace
}  // namespace gatecast::server
