// [[token.trusted]]: what is refused before anything starts, and what becomes of a good one.
#include "server/config/keys.hpp"
#include "server/config/testing.hpp"

namespace gatecast::server {
namespace {

const std::string kShared = "Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q";

std::string trusted(std::string_view members) { return keys() + "[[token.trusted]]\n" + std::string(members); }
std::string acme(std::string_view more) {
  return trusted(fmt::format("name = \"acme\"\nissuer = \"https://id.example\"\naudience = \"app\"\n{}", more));
}

TEST(ConfigTrusted, AGoodOneHasItsKeys) {
  const Loaded loaded = load_text(acme(fmt::format(
      "secret = \"{}\"\nalgorithms = [\"HS256\", \"HS512\"]\nrequired_claims = [\"tenant=a=b\", \"admin=true\"]\n",
      kShared)));
  ASSERT_TRUE(loaded.ok()) << listing(loaded);
  EXPECT_TRUE(loaded.findings.empty()) << listing(loaded);
  const auto issuer = make_trusted_issuer(loaded.config, loaded.config.token.trusted[0]);
  ASSERT_TRUE(issuer);
  ASSERT_EQ(issuer->keys.size(), 2u);
  EXPECT_EQ(issuer->keys[1].key.algorithm(), token::Algorithm::hs512);
  EXPECT_EQ(issuer->subject, token::SubjectRule::prefix);
  const std::pair<std::string, std::string> tenant{"tenant", "a=b"};
  EXPECT_EQ(issuer->required[0], tenant);
}

TEST(ConfigTrusted, ASecretAloneIsForHs256) {
  const Loaded loaded = load_text(acme(fmt::format("secret = \"{}\"\n", kShared)));
  const auto issuer = make_trusted_issuer(loaded.config, loaded.config.token.trusted[0]);
  ASSERT_TRUE(issuer);
  ASSERT_EQ(issuer->keys.size(), 1u);
  EXPECT_EQ(issuer->keys[0].key.algorithm(), token::Algorithm::hs256);
}

TEST(ConfigTrusted, FilesMayBePemJwkOrASet) {
  const Folder folder;
  const token::Key key = token::Key::generate(token::Algorithm::es256);
  folder.write("one.json", key.public_jwk());
  folder.write("set.json", "\n {\"keys\":[" + key.public_jwk() + "]}");
  folder.write("ed.pem",
               "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
               "-----END PUBLIC KEY-----\n");
  folder.write("private.pem", key.pem().expose());
  for (const char* name : {"one.json", "set.json", "ed.pem"}) {
    const Loaded loaded = load_text(acme(fmt::format("file = \"{}\"\n", folder.at(name))));
    EXPECT_TRUE(loaded.ok()) << name << listing(loaded);
  }
  const Loaded refused = load_text(acme(fmt::format("file = \"{}\"\n", folder.at("private.pem"))));
  EXPECT_NE(listing(refused).find("a private key where a public one is wanted"), std::string::npos) << listing(refused);
  EXPECT_FALSE(load_text(acme("file = \"no/such.pem\"\n")).ok());
}

TEST(ConfigTrusted, WhatIsAmbiguousOrWeakIsRefused) {
  const std::string secret = fmt::format("secret = \"{}\"\n", kShared);
  const std::pair<std::string, std::string_view> cases[] = {
      {acme(""), "has no key"},
      {acme(secret + "file = \"a.pem\"\n"), "has several of jwks_url, file and secret"},
      {acme("secret = \"changeme\"\n"), "token.trusted[0].secret"},
      {acme("secret = \"short but no default\"\n"), "token.trusted[0].secret"},
      {acme("jwks_url = \"http://id.example/jwks\"\n"), "http:// is only for this machine"},
      {acme("jwks_url = \"https://u:p@id.example/jwks\"\n"), "the URL carries credentials"},
      {acme(secret + "required_claims = [\"tenant\"]\n"), "is not \"name=value\""},
      {acme(secret + "algorithms = [\"none\"]\n"), "token.trusted[0].algorithms"},
      {acme(secret + "algorithms = [\"RS256\"]\n"), "takes a key file, not a secret"},
      {acme(secret + "subject = \"alias\"\n"), "token.trusted[0].subject"},
      {trusted("name = \"Acme Inc\"\nissuer = \"i\"\n" + secret), "is not a short name"},
      {trusted("name = \"own\"\nissuer = \"gatecast\"\n" + secret), "is token.issuer: our own tokens"},
      {acme(secret) + "[[token.trusted]]\nname = \"other\"\nissuer = \"https://id.example\"\n" + secret,
       "is that of token.trusted[0] too"},
      {acme(secret) + "[[token.trusted]]\nname = \"acme\"\nissuer = \"https://b.example\"\n" + secret,
       "is that of token.trusted[0] too"},
  };
  const Loaded shared = load_text(acme(fmt::format("secret = \"{}\"\n", kSessionSecret)));
  EXPECT_NE(listing(shared).find("its key is a session key of ours"), std::string::npos) << listing(shared);
  EXPECT_FALSE(shared.ok());
  for (const auto& [text, why] : cases) {
    const Loaded loaded = load_text(text);
    EXPECT_FALSE(loaded.ok()) << text;
    EXPECT_NE(listing(loaded).find(why), std::string::npos) << why << "\n" << listing(loaded);
    EXPECT_EQ(listing(loaded).find(kShared), std::string::npos);
    EXPECT_EQ(listing(loaded).find("u:p"), std::string::npos);
  }
}

TEST(ConfigTrusted, WhatIsDangerousIsSaid) {
  const std::string secret = fmt::format("secret = \"{}\"\n", kShared);
  const Loaded any = load_text(trusted("name = \"a\"\nissuer = \"i\"\n" + secret));
  EXPECT_TRUE(any.ok());
  EXPECT_NE(listing(any).find("whoever they were made for"), std::string::npos);
  const Loaded twin = load_text(acme(fmt::format("secret = \"{}\"\n", kTokenSecret)));
  EXPECT_TRUE(twin.ok());
  EXPECT_NE(listing(twin).find("can sign tokens in our name"), std::string::npos) << listing(twin);
  const Loaded same = load_text(acme(secret + "subject = \"same\"\n"));
  EXPECT_TRUE(same.ok());
  EXPECT_NE(listing(same).find("can be anyone here"), std::string::npos);
}

}  // namespace
}  // namespace gatecast::server
