#include "server/config/app_env.hpp"

#include "server/config/testing.hpp"
#include "token/key.hpp"

namespace gatecast::server {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kOther = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071";

std::string session_key() { return fmt::format("[[session.key]]\nsecret = \"{}\"\n", kSessionSecret); }

Loaded load_env(Environment environment, const std::string& more = session_key()) {
  LoadOptions options;
  options.text = "[compat]\nread_app_env = true\n" + more;
  options.environment = std::move(environment);
  options.make_dev_keys = false;
  return load(options);
}

Environment secret(std::string_view value = kTokenSecret, const char* name = "NEXTAUTH_SECRET") {
  return {{name, std::string(value)}};
}

TEST(ConfigAppEnv, TheApplicationsSecretSignsAsText) {
  for (const char* name : {"NEXTAUTH_SECRET", "JWT_SECRET"}) {
    Loaded loaded = load_env(secret(kTokenSecret, name));
    ASSERT_TRUE(loaded.ok()) << listing(loaded);
    ASSERT_EQ(loaded.config.token.keys.size(), 1u);
    EXPECT_EQ(loaded.config.token.keys[0].algorithm, "HS256");
    EXPECT_EQ(loaded.config.token.keys[0].fingerprint, token::fingerprint(kTokenSecret));
    EXPECT_EQ(loaded.origins.at("token.key[0].secret"), fmt::format("environment {}", name));
  }
}

TEST(ConfigAppEnv, NothingIsReadWhereItIsNotTurnedOn) {
  LoadOptions options;
  options.text = session_key();
  options.environment = secret();
  options.make_dev_keys = false;
  EXPECT_TRUE(load(options).config.token.keys.empty());
}

TEST(ConfigAppEnv, TwoThatDifferAreRefusedWithBothFingerprints) {
  Environment both = secret();
  both.emplace_back("JWT_SECRET", kOther);
  Loaded loaded = load_env(both);
  EXPECT_FALSE(loaded.ok());
  const std::string said = listing(loaded);
  for (std::string_view one : {std::string_view(kTokenSecret), kOther}) {
    EXPECT_NE(said.find(token::fingerprint(one)), std::string::npos) << said;
    EXPECT_EQ(said.find(one), std::string::npos);
  }
  both.back().second = kTokenSecret;
  EXPECT_TRUE(load_env(both).ok());
}

TEST(ConfigAppEnv, AConfiguredKeyMustBeTheApplications) {
  EXPECT_TRUE(load_env(secret(), keys()).ok());
  Loaded loaded = load_env(secret(kOther), keys());
  EXPECT_FALSE(loaded.ok());
  const std::string said = listing(loaded);
  EXPECT_NE(said.find("is not the application's key"), std::string::npos) << said;
  EXPECT_NE(said.find(token::fingerprint(kOther)), std::string::npos);
}

TEST(ConfigAppEnv, FormsAreNamedWithTheVariable) {
  const std::string good(kTokenSecret);
  for (const auto& [value, text] : std::initializer_list<std::pair<std::string, std::string>>{
           {"\"" + good + "\"", "the secret has quotes around it"},
           {good + "\r", "the secret has a carriage return in it"},
           {good + " ", "the secret has blanks after it"},
           {"your-secret-key", "the secret is a well-known default"},
           {"short", "the secret has 5 bytes, 32 are needed"}}) {
    Loaded loaded = load_env(secret(value));
    ASSERT_EQ(loaded.findings.size(), 1u) << listing(loaded);
    EXPECT_EQ(loaded.findings[0].text, text);
    EXPECT_EQ(loaded.findings[0].where, "environment NEXTAUTH_SECRET");
  }
}

TEST(ConfigAppEnv, WhatIsMissingIsNamedWithWhereItWasLookedFor) {
  Loaded none = load_env({{"NEXTAUTH_SECRET", ""}});
  EXPECT_NE(listing(none).find("NEXTAUTH_SECRET and JWT_SECRET are set neither"), std::string::npos) << listing(none);
  Loaded no_session = load_env(secret(), "");
  ASSERT_EQ(no_session.errors(), 1u) << listing(no_session);
  EXPECT_EQ(no_session.findings[0].key, "session.key");
  EXPECT_NE(no_session.findings[0].cure.find("> session.key"), std::string::npos);
}

TEST(ConfigAppEnv, TheBotIsNamedByItsToken) {
  Environment env = secret();
  env.emplace_back("TELEGRAM_BOT_TOKEN", "7342037359:AAFZehRPBRs8Seg40oDjTMIW8uTGPuW1zfQ");
  Loaded loaded = load_env(env, session_key() + "[signin.telegram]\nenabled = true\n");
  ASSERT_TRUE(loaded.ok()) << listing(loaded);
  ASSERT_EQ(loaded.config.signin.telegram.bots.size(), 1u);
  EXPECT_EQ(loaded.origins.at("signin.telegram.bot[0].token"), "environment TELEGRAM_BOT_TOKEN");
  env.back().second = "not-a-token";
  EXPECT_NE(listing(load_env(env)).find("is not a bot's token"), std::string::npos);
}

TEST(ConfigAppEnv, TheApplicationsPostgresIsTakenWithItsParameters) {
  Environment env = secret();
  env.emplace_back("DATABASE_URL",
                   "postgresql://app:hunter2@db:6432/app?schema=public&connection_limit=5&pgbouncer=true"
                   "&sslmode=verify-full");
  Loaded loaded = load_env(env);
  const std::string said = listing(loaded);
  EXPECT_TRUE(loaded.ok()) << said;
  EXPECT_EQ(loaded.warnings(), 0u) << said;
  EXPECT_NE(said.find("note     environment DATABASE_URL: store.url: schema: the schema is the application's"),
            std::string::npos)
      << said;
  EXPECT_EQ(loaded.config.store.connections, 5u);
  EXPECT_TRUE(loaded.config.store.path.empty());
  EXPECT_EQ(said.find("hunter2"), std::string::npos);
  EXPECT_EQ(render_show(loaded).find("hunter2"), std::string::npos);
  Loaded both = load_env(env, session_key() + "[store]\nconnections = 7\n");
  EXPECT_EQ(both.config.store.connections, 7u);
  EXPECT_NE(listing(both).find("connection_limit: store.connections is set"), std::string::npos);
}

TEST(ConfigAppEnv, ADatabaseUrlThatCannotBeKeptToIsRefusedByNameAndPlace) {
  Environment env = secret();
  env.emplace_back("DATABASE_URL", "postgresql://app:hun/ter2@db/app?schema=public");
  Loaded torn = load_env(env);
  EXPECT_EQ(torn.errors(), 1u) << listing(torn);
  EXPECT_NE(listing(torn).find("%2F"), std::string::npos) << listing(torn);
  EXPECT_EQ(listing(torn).find("ter2"), std::string::npos) << listing(torn);
  env.back().second = "postgresql://app:x@db/app?nonsense=1&sslmode=verify-full";
  EXPECT_NE(listing(load_env(env)).find("environment DATABASE_URL: store.url: the parameter nonsense is not known"),
            std::string::npos)
      << listing(load_env(env));
  Loaded ours = load_text(keys() + "[store]\nurl = \"postgresql://app@db/app?nonsense=1\"\n");
  EXPECT_NE(listing(ours).find("gatecast.toml:7:"), std::string::npos) << listing(ours);
  Loaded open = load_text(keys() + "[store]\nurl = \"postgresql://app@db/app\"\n");
  EXPECT_TRUE(open.ok());
  EXPECT_EQ(open.warnings(), 1u) << "it may be in clear: " << listing(open);
  EXPECT_EQ(load_text(keys() + "[store]\nurl = \"postgresql://app@localhost/app\"\n").warnings(), 0u);
}

TEST(ConfigAppEnv, AnotherDatabaseIsRefusedByNameUnlessOursIsSaid) {
  Environment env = secret();
  env.emplace_back("DATABASE_URL", "mysql://app:hunter2@db/app");
  env.emplace_back("REDIS_URL", "redis://:hunter2@cache");
  Loaded loaded = load_env(env);
  const std::string said = listing(loaded);
  EXPECT_FALSE(loaded.ok());
  EXPECT_NE(said.find("\"mysql\" is not a database"), std::string::npos) << said;
  EXPECT_EQ(said.find("hunter2"), std::string::npos);
  EXPECT_TRUE(load_env(env, session_key() + "[store]\nurl = \"sqlite:gatecast.db\"\n").ok());
  env[1].second = "sqlite:other.db";
  Loaded sqlite = load_env(env);
  EXPECT_TRUE(sqlite.ok()) << listing(sqlite);
  EXPECT_EQ(sqlite.config.store.url.expose(), "sqlite:other.db");
}

TEST(ConfigAppEnv, TheApplicationsRedisIsTheBrokerUnlessOursIsSaid) {
  Environment env = secret();
  env.emplace_back("REDIS_URL", "rediss://u:hunter2@cache:7000/1");
  Loaded loaded = load_env(env);
  EXPECT_TRUE(loaded.ok()) << listing(loaded);
  EXPECT_EQ(loaded.config.broker.url.expose(), "rediss://u:hunter2@cache:7000/1");
  EXPECT_EQ(loaded.origins.at("broker.url"), "environment REDIS_URL");
  EXPECT_EQ(render_show(loaded).find("hunter2"), std::string::npos);
  Loaded ours = load_env(env, session_key() + "[broker]\nurl = \"memory:\"\n");
  EXPECT_TRUE(ours.ok()) << listing(ours);
  EXPECT_FALSE(ours.config.broker.on());
  env.back().second = "redis://cache:hunter2";
  Loaded wrong = load_env(env);
  EXPECT_NE(listing(wrong).find("environment REDIS_URL: broker.url: "), std::string::npos) << listing(wrong);
  EXPECT_EQ(listing(wrong).find("hunter2"), std::string::npos) << listing(wrong);
}

TEST(ConfigAppEnv, TheFileIsReadAsDotenvDoesAndTheEnvironmentGoesBefore) {
  Folder folder;
  folder.write("app/.env", fmt::format("# keys\r\nexport NEXTAUTH_SECRET=\"{}\"\r\nOTHER='x'\r\n", kTokenSecret));
  folder.write("gatecast.toml", "[compat]\nread_app_env = true\nenv_file = \"app/.env\"\n" + session_key());
  LoadOptions options;
  options.file = folder.at("gatecast.toml");
  options.make_dev_keys = false;
  Loaded loaded = load(options);
  EXPECT_TRUE(loaded.ok()) << listing(loaded);
  EXPECT_EQ(loaded.config.token.keys.at(0).fingerprint, token::fingerprint(kTokenSecret));
  EXPECT_EQ(loaded.origins.at("token.key[0].secret"), folder.at("app/.env") + ":2 NEXTAUTH_SECRET");
  EXPECT_NE(listing(loaded).find("the quotes around NEXTAUTH_SECRET are syntax of the file"), std::string::npos);
  options.environment = secret(kOther);
  EXPECT_EQ(load(options).config.token.keys.at(0).fingerprint, token::fingerprint(kOther));
  folder.write("gatecast.toml", "[compat]\nread_app_env = true\nenv_file = \"none\"\n" + keys());
  EXPECT_NE(listing(load(options)).find("cannot be read"), std::string::npos);
}

TEST(ConfigAppEnv, LinesOfAFile) {
  std::vector<Finding> findings;
  const auto values = read_env_text(
      "\xef\xbb\xbf"
      "A=1\nB = two words  # note\nC=\"a#b\\nc\" # note\nD='x\\n'\nE=`q\"q`\nF=\"one\ntwo\"\nexport G=7\nA=9\nH=\n"
      "what is this\n9-bad name=1\n",
      "f", findings);
  const auto value = [&values](const char* name) { return values.at(name).value; };
  EXPECT_EQ(value("A"), "9");
  EXPECT_EQ(value("B"), "two words");
  EXPECT_EQ(value("C"), "a#b\nc");
  EXPECT_EQ(value("D"), "x\\n");
  EXPECT_EQ(value("E"), "q\"q");
  EXPECT_EQ(value("F"), "one\ntwo");
  EXPECT_EQ(value("G"), "7");
  EXPECT_EQ(values.at("G").line, 8u);
  EXPECT_EQ(value("H"), "");
  EXPECT_TRUE(values.at("D").quoted);
  EXPECT_EQ(values.size(), 8u);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].where, "f:11");
}

TEST(ConfigAppEnv, AFileCutAnywhereEndsWithoutHarm) {
  const std::string whole = "A=\"x\ny\" # c\nexport B='z'\nC=`w`\n";
  for (std::size_t i = 0; i <= whole.size(); ++i) {
    std::vector<Finding> findings;
    const auto values = read_env_text(whole.substr(0, i), "f", findings);
    EXPECT_LE(values.size() + findings.size(), 3u) << i;
  }
}

}  // namespace
}  // namespace gatecast::server
