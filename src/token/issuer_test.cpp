#include "token/issuer.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "core/text_form.hpp"
#include "token/jws.hpp"
#include "token/verifier.hpp"

namespace gatecast::token {
namespace {

constexpr WallTime kNow = WallTime{std::chrono::milliseconds{1'800'000'000'500}};

class IssuerTest : public testing::TestWithParam<Algorithm> {
 protected:
  static Claims claims() {
    return {.iss = "https://a.example",
            .aud = {"app"},
            .exp = 1'800'000'060,
            .iat = 1'800'000'000,
            .sub = "u\"\\1é",
            .sid = "s1",
            .jti = "j1",
            .gen = 7,
            .extra_json = R"({"wallet":"w","n":{"x":[1,2]}})"};
  }
};

TEST_P(IssuerTest, WhatItMintsItsVerifierTakes) {
  const auto ring = KeyRing::make({Key::generate(GetParam())});
  const auto token = Issuer(*ring).mint(claims());
  ASSERT_TRUE(token) << token.error().detail;
  const auto read = Verifier(*ring, {"https://a.example", "app"}).verify(*token, kNow);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(*read, claims());
}

TEST_P(IssuerTest, ASubscriptionTokenSaysWhatItWasMadeFor) {
  const auto ring = KeyRing::make({Key::generate(GetParam())});
  const Verifier verifier(*ring, {"https://a.example", "app"});
  SubscriptionToken said{.channel = "$a:1", .user = "u\"1é"};
  said.client = "c1";
  said.claims = {.info = R"({"a":[1]})", .data = "7"};
  said.claims.overrides = {.presence = true, .force_recovery = false};
  const auto token = Issuer(*ring).mint_subscription(said, verifier.policy(), 1'800'000'060);
  ASSERT_TRUE(token) << token.error().detail;
  const auto read = verifier.verify_subscription(*token, kNow);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->channel, said.channel);
  EXPECT_EQ(read->user, said.user);
  EXPECT_EQ(read->client, said.client);
  EXPECT_EQ(read->expires, 1'800'000'060);
  EXPECT_EQ(read->claims.info, said.claims.info);
  EXPECT_EQ(read->claims.data, said.claims.data);
  EXPECT_EQ(read->claims.overrides.presence, true);
  EXPECT_EQ(read->claims.overrides.force_recovery, false);
  EXPECT_EQ(read->claims.overrides.join_leave, std::nullopt);
  said.expires = 0;
  const auto forever = Issuer(*ring).mint_subscription(said, verifier.policy(), 1'800'000'060);
  EXPECT_EQ(verifier.verify_subscription(*forever, kNow)->expires, std::nullopt);
  // It is for one channel, not for connecting.
  EXPECT_EQ(verifier.verify(*token, kNow).error().code, Errc::token_type);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, IssuerTest, testing::ValuesIn(kAlgorithms),
                         [](const auto& p) { return std::string(name(p.param)); });

TEST_F(IssuerTest, TheTextIsStable) {
  const auto key =
      Key::from_secret(Algorithm::hs256, Secret("Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q"), SecretEncoding::text, "h");
  const auto ring = KeyRing::make({*key});
  Claims all = claims();
  all.sub = "u1";
  all.aud = {"app", "x"};
  all.nbf = 5;
  all.extra_json = R"( {"wallet" : "w", "sub":"evil","exp":9000000000,"s\u0075b":"evil","iss":1,"z":[1, 2]} )";
  // Two spellings of one name are the same name twice.
  EXPECT_EQ(Issuer(*ring).mint(all).error().code, Errc::internal);
  all.extra_json = R"( {"wallet" : "w", "s\u0075b":"evil","exp":9000000000,"iss":1,"z":[1, 2]} )";
  const auto token = Issuer(*ring).mint(all);
  ASSERT_TRUE(token) << token.error().detail;
  const auto jws = parse_jws(*token);
  ASSERT_TRUE(jws);
  EXPECT_EQ(base64url_decode(token->substr(0, token->find('.'))), R"({"typ":"at+jwt","alg":"HS256","kid":"h"})");
  EXPECT_EQ(jws->payload,
            R"({"iss":"https://a.example","aud":["app","x"],"exp":1800000060,"iat":1800000000,"nbf":5,"sub":"u1",)"
            R"("sid":"s1","gen":7,"jti":"j1","wallet":"w","z":[1, 2]})");
}

TEST_F(IssuerTest, WhatNoVerifierWouldTakeIsNotMinted) {
  const auto ring = KeyRing::make({Key::generate(Algorithm::hs256)});
  const auto refused = [&](auto change) {
    Claims bad = claims();
    change(bad);
    const auto token = Issuer(*ring).mint(bad);
    return !token && token.error().code == Errc::internal && !token.error().detail.empty();
  };
  EXPECT_FALSE(refused([](Claims&) {}));
  EXPECT_TRUE(refused([](Claims& c) { c.sub.clear(); }));
  EXPECT_TRUE(refused([](Claims& c) { c.aud.clear(); }));
  EXPECT_TRUE(refused([](Claims& c) { c.gen = 0; }));
  EXPECT_TRUE(refused([](Claims& c) { c.gen = std::numeric_limits<std::uint64_t>::max(); }));
  EXPECT_TRUE(refused([](Claims& c) { c.exp = std::numeric_limits<std::int64_t>::max(); }));
  EXPECT_TRUE(refused([](Claims& c) { c.sub = "\xff"; }));
  EXPECT_TRUE(refused([](Claims& c) { c.extra_json.clear(); }));
  EXPECT_TRUE(refused([](Claims& c) { c.extra_json = "[]"; }));
  EXPECT_TRUE(refused([](Claims& c) { c.extra_json = R"({"a":1}})"; }));
  EXPECT_TRUE(refused([](Claims& c) { c.extra_json = "{\"a\":\"" + std::string(8000, 'x') + "\"}"; }));
}

TEST_F(IssuerTest, AnotherRingSignsAndCountsFromWhereItIsTaken) {
  const auto first = Key::generate(Algorithm::eddsa);
  const auto second = Key::generate(Algorithm::es256);
  const auto before = *KeyRing::make({first});
  const auto after = *KeyRing::make({second, first});
  const auto alone = *KeyRing::make({second});
  Issuer issuer(before);
  Verifier verifier(before, {claims().iss, claims().aud.front()});
  const WallTime now = kNow;
  const auto old = *issuer.mint(claims());
  verifier.use(after);
  EXPECT_TRUE(verifier.verify(old, now));
  issuer.use(after);
  const auto fresh = *issuer.mint(claims());
  EXPECT_TRUE(verifier.verify(fresh, now));
  verifier.use(alone);
  EXPECT_TRUE(verifier.verify(fresh, now));
  EXPECT_EQ(verifier.verify(old, now).error().code, Errc::token_key_unknown);
}

}  // namespace
}  // namespace gatecast::token
