#include "token/trusted.hpp"

#include <gtest/gtest.h>

#include "core/manual_loop.hpp"
#include "token/test_issuer.hpp"

namespace gatecast::token {
namespace {

constexpr std::string_view kOwn = "https://own.example";
constexpr std::string_view kIss = "https://id.example";
const std::string kSecret = "Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q";

Key secret_key(Algorithm algorithm = Algorithm::hs256) {
  return *Key::from_secret(algorithm, Secret(kSecret), SecretEncoding::text);
}

/// A payload in which single members are replaced; an empty value leaves the member out.
std::string payload(std::initializer_list<std::pair<std::string, std::string>> changes = {}) {
  std::vector<std::pair<std::string, std::string>> members = {{"iss", "\"https://id.example\""},
                                                              {"aud", "\"app\""},
                                                              {"exp", "1800000060"},
                                                              {"sub", "\"u1\""},
                                                              {"jti", "\"j1\""}};
  for (const auto& [name, value] : changes) {
    const auto at = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.first == name; });
    if (at != members.end()) {
      at->second = value;
    } else {
      members.emplace_back(name, value);
    }
  }
  std::string out;
  for (const auto& [name, value] : members) {
    if (!value.empty()) out += fmt::format("{}\"{}\":{}", out.empty() ? "{" : ",", name, value);
  }
  return out + "}";
}

constexpr Errc kAccepted = Errc::internal;

class TrustedTest : public testing::Test {
 protected:
  static TrustedIssuer issuer(std::vector<ForeignKey> keys) {
    TrustedIssuer made{.name = "acme", .issuer = std::string(kIss)};
    made.audience = "app";
    made.keys = std::move(keys);
    return made;
  }
  std::unique_ptr<TrustedVerifier> make(std::vector<TrustedIssuer> issuers) {
    auto made = TrustedVerifier::make(std::move(issuers), kOwn, &web_, clock_);
    EXPECT_TRUE(made) << made.error().detail;
    return std::move(*made);
  }
  Errc code(const TrustedVerifier& verifier, std::string_view text) const {
    const auto claims = verifier.verify(text, clock_.wall());
    return claims ? kAccepted : claims.error().code;
  }
  /// Of a payload under the secret key.
  Errc claims_code(std::initializer_list<std::pair<std::string, std::string>> changes) {
    return code(*secret_, signed_by(key_, payload(changes)));
  }
  Errc header_code(const std::string& header) { return code(*secret_, signed_by(key_, header, payload())); }

  ManualClock clock_{WallTime{std::chrono::seconds{1'800'000'000}}};
  ManualLoop loop_{clock_};
  TestIssuer web_;
  Key key_ = secret_key();
  std::unique_ptr<TrustedVerifier> secret_ = make({issuer({{secret_key()}})});
};

TEST_F(TrustedTest, SaysWhoItIsInOurTerms) {
  const auto token =
      signed_by(key_, payload({{"sid", "\"theirs\""}, {"gen", "7"}, {"name", "\"Ann\""}, {"iat", "1799999990"}}));
  const auto claims = secret_->verify(token, clock_.wall());
  ASSERT_TRUE(claims) << claims.error().detail;
  EXPECT_EQ(claims->issuer_name, "acme");
  const Claims expected{.iss = std::string(kIss),
                        .aud = {"app"},
                        .exp = 1800000060,
                        .iat = 1799999990,
                        .sub = "acme:u1",
                        .sid = "x:acme:j1",
                        .jti = "j1",
                        .gen = 0,
                        .extra_json = R"({"name":"Ann"})"};
  EXPECT_EQ(claims->claims, expected);
  EXPECT_TRUE(secret_->claims_to_be(token));
}

TEST_F(TrustedTest, TheSubjectMayBeTakenAsItIs) {
  auto same = issuer({{secret_key()}});
  same.subject = SubjectRule::same;
  const auto verifier = make({same});
  EXPECT_EQ(verifier->verify(signed_by(key_, payload()), clock_.wall())->claims.sub, "u1");
}

TEST_F(TrustedTest, EveryAlgorithmByItsOwnKeyOnly) {
  std::vector<Key> keys;
  for (const Algorithm a : kAlgorithms) keys.push_back(symmetric(a) ? secret_key(a) : Key::generate(a));
  for (const Key& key : keys) {
    ForeignKey half{key, false};
    if (!symmetric(key.algorithm())) half = *read_jwk(key.public_jwk(), SymmetricKeys::refuse);
    const auto verifier = make({issuer({half})});
    for (const Key& other : keys) {
      const Errc got =
          code(*verifier, signed_by(other, fmt::format(R"({{"alg":"{}"}})", name(other.algorithm())), payload()));
      EXPECT_EQ(got, key.algorithm() == other.algorithm() ? kAccepted : Errc::token_algorithm)
          << name(key.algorithm()) << " " << name(other.algorithm());
      // The header's word does not choose the algorithm.
      const Errc lied =
          code(*verifier, signed_by(other, fmt::format(R"({{"alg":"{}"}})", name(key.algorithm())), payload()));
      EXPECT_EQ(lied, key.algorithm() == other.algorithm() ? kAccepted : Errc::token_signature);
    }
  }
}

TEST_F(TrustedTest, APublicKeyIsNoSecret) {
  // Key confusion: HS256 with the published RSA key's text as the secret.
  const Key rsa = Key::generate(Algorithm::rs256);
  const auto verifier = make({issuer({*read_jwk(rsa.public_jwk(), SymmetricKeys::refuse)})});
  const Key confused =
      *Key::from_secret(Algorithm::hs256, Secret(rsa.public_jwk()), SecretEncoding::text, {}, WeakSecrets::allow);
  EXPECT_EQ(code(*verifier, signed_by(confused, R"({"alg":"HS256"})", payload())), Errc::token_algorithm);
}

TEST_F(TrustedTest, TheConfigurationMayNarrowTheAlgorithms) {
  auto narrow = issuer({{secret_key(Algorithm::hs256)}, {secret_key(Algorithm::hs512)}});
  narrow.algorithms = {Algorithm::hs512};
  const auto verifier = make({narrow});
  EXPECT_EQ(code(*verifier, signed_by(key_, R"({"alg":"HS256"})", payload())), Errc::token_algorithm);
  EXPECT_EQ(code(*verifier, signed_by(secret_key(Algorithm::hs512), R"({"alg":"HS512"})", payload())), kAccepted);
}

TEST_F(TrustedTest, HeadersAreJudged) {
  EXPECT_EQ(header_code(R"({"alg":"HS256"})"), kAccepted);
  EXPECT_EQ(header_code(R"({"alg":"HS256","kid":"any, for the key came without one"})"), kAccepted);
  for (const char* typ : {"JWT", "jwt", "at+jwt", "application/at+JWT"}) {
    EXPECT_EQ(header_code(fmt::format(R"({{"alg":"HS256","typ":"{}"}})", typ)), kAccepted) << typ;
  }
  for (const char* typ : {"dpop+jwt", "logout+jwt", "secevent+jwt", "refresh+jwt", "Refresh", "id_token", "JWS", ""}) {
    EXPECT_EQ(header_code(fmt::format(R"({{"alg":"HS256","typ":"{}"}})", typ)), Errc::token_type) << typ;
  }
  EXPECT_EQ(header_code(R"({"alg":"none"})"), Errc::token_algorithm);
  EXPECT_EQ(header_code(R"({"alg":"HS384"})"), Errc::token_algorithm);
  EXPECT_EQ(header_code(R"({"alg":"HS256","jwk":{}})"), Errc::token_malformed);
  EXPECT_EQ(header_code(R"({"alg":"HS256","crit":["b64"],"b64":false})"), Errc::token_malformed);
  EXPECT_EQ(claims_code({{"typ", "\"Refresh\""}}), Errc::token_type);
  EXPECT_EQ(claims_code({{"token_use", "\"refresh\""}}), Errc::token_type);
  EXPECT_EQ(claims_code({{"typ", "\"Bearer\""}}), kAccepted);
}

TEST_F(TrustedTest, ClaimsAreJudged) {
  EXPECT_EQ(claims_code({{"iss", "\"https://own.example\""}}), Errc::token_issuer);
  EXPECT_EQ(claims_code({{"iss", ""}}), Errc::token_issuer);
  EXPECT_EQ(claims_code({{"iss", "[\"https://id.example\"]"}}), Errc::token_issuer);
  EXPECT_EQ(claims_code({{"aud", ""}}), Errc::token_audience);
  EXPECT_EQ(claims_code({{"aud", "\"other\""}}), Errc::token_audience);
  EXPECT_EQ(claims_code({{"aud", R"(["other","app"])"}}), kAccepted);
  EXPECT_EQ(claims_code({{"aud", "7"}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"exp", ""}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"exp", "\"1800000060\""}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"exp", "1800000060.5"}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"iat", "1900000000"}}), kAccepted) << "a future iat alone refuses nothing";
  EXPECT_EQ(claims_code({{"iat", "\"x\""}}), Errc::token_claims);
}

TEST_F(TrustedTest, TimesHaveOneMinuteOfLeeway) {
  EXPECT_EQ(claims_code({{"exp", "1799999941"}}), kAccepted);
  EXPECT_EQ(claims_code({{"exp", "1799999940"}}), Errc::token_expired);
  EXPECT_EQ(claims_code({{"nbf", "1800000060"}}), kAccepted);
  EXPECT_EQ(claims_code({{"nbf", "1800000061"}}), Errc::token_not_yet_valid);
  EXPECT_EQ(claims_code({{"exp", "-9007199254740992"}}), Errc::token_expired);
  const auto far =
      secret_->verify(signed_by(key_, payload({{"exp", "9007199254740992"}, {"iat", "-5"}})), clock_.wall());
  ASSERT_TRUE(far);
  EXPECT_EQ(far->claims.exp, 4'294'967'295);
  EXPECT_EQ(far->claims.iat, 0);
}

TEST_F(TrustedTest, SubjectsAreBoundedAndAgree) {
  EXPECT_EQ(claims_code({{"sub", ""}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", "\"\""}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", "null"}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", "[\"u1\"]"}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", "\"" + std::string(64, 'u') + "\""}}), kAccepted);
  EXPECT_EQ(claims_code({{"sub", "\"" + std::string(65, 'u') + "\""}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", R"("a\u0000b")"}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", R"("a\nb")"}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", R"("a\u007fb")"}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", R"("a\u0085b")"}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"sub", R"("имя")"}}), kAccepted);
  EXPECT_EQ(claims_code({{"user_id", "\"u1\""}, {"userId", "\"u1\""}}), kAccepted);
  EXPECT_EQ(claims_code({{"user_id", "\"u2\""}}), Errc::token_claims);
  EXPECT_EQ(claims_code({{"userId", "{}"}}), Errc::token_claims);
  const auto by = [&](std::initializer_list<std::pair<std::string, std::string>> changes) {
    return secret_->verify(signed_by(key_, payload(changes)), clock_.wall())->claims.sub;
  };
  EXPECT_EQ(by({{"sub", ""}, {"userId", "\"u3\""}}), "acme:u3");
  EXPECT_EQ(by({{"sub", ""}, {"user_id", "42"}}), "acme:42");
}

TEST_F(TrustedTest, TheSessionsStandInIsTheJtiOrTheTokensHash) {
  const auto sid = [&](std::string jti) {
    return secret_->verify(signed_by(key_, payload({{"jti", std::move(jti)}})), clock_.wall())->claims.sid;
  };
  EXPECT_EQ(sid("\"j2\""), "x:acme:j2");
  for (const char* jti : {"", "7", "\"\"", R"("a b")", R"("a\u0001")", R"("й")"}) {
    EXPECT_EQ(sid(jti).size(), std::string_view("x:acme:").size() + 22) << jti;
  }
  EXPECT_EQ(sid("\"" + std::string(65, 'j') + "\"").size(), std::string_view("x:acme:").size() + 22);
  EXPECT_NE(sid("7"), sid("8"));
}

TEST_F(TrustedTest, RequiredClaimsMustHaveTheirValues) {
  auto strict = issuer({{secret_key()}});
  strict.required = {{"tenant", "t1"}, {"admin", "true"}, {"level", "3"}, {"roles", "chat"}};
  const auto verifier = make({strict});
  const auto with = [&](std::initializer_list<std::pair<std::string, std::string>> changes) {
    return code(*verifier, signed_by(key_, payload(changes)));
  };
  EXPECT_EQ(with({{"tenant", "\"t1\""}, {"admin", "true"}, {"level", "3"}, {"roles", R"(["a","chat"])"}}), kAccepted);
  EXPECT_EQ(with({{"tenant", "\"t1\""}, {"admin", "true"}, {"level", "3"}}), Errc::token_claims);
  EXPECT_EQ(with({{"tenant", "\"t2\""}, {"admin", "true"}, {"level", "3"}, {"roles", R"(["chat"])"}}),
            Errc::token_claims);
  EXPECT_EQ(with({{"tenant", "\"t1\""}, {"admin", "false"}, {"level", "3"}, {"roles", R"(["chat"])"}}),
            Errc::token_claims);
  EXPECT_EQ(with({{"tenant", "\"t1\""}, {"admin", "true"}, {"level", "{}"}, {"roles", R"("chat")"}}),
            Errc::token_claims);
}

TEST_F(TrustedTest, TamperingAndOtherFormsAreRefused) {
  const std::string good = signed_by(key_, payload());
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_NE(code(*secret_, std::string_view(good).substr(0, n)), kAccepted) << n;
  }
  std::string other = good;
  const std::size_t at = good.find('.') + 5;
  other[at] = other[at] == 'A' ? 'B' : 'A';
  EXPECT_NE(code(*secret_, other), kAccepted);
  EXPECT_EQ(code(*secret_, good + "A"), Errc::token_signature);
  EXPECT_EQ(code(*secret_, good + "="), Errc::token_malformed);
  EXPECT_EQ(code(*secret_, base64url_encode(R"({"alg":"dir","enc":"A256GCM"})") + "..AAAA.AAAA.AAAA"),
            Errc::token_encrypted);
  EXPECT_EQ(code(*secret_, base64url_encode(R"({"alg":"HS256"})") + "..AAAA.AAAA.AAAA"), Errc::token_malformed);
  EXPECT_FALSE(secret_->claims_to_be("a.b.c"));
  EXPECT_FALSE(secret_->claims_to_be(signed_by(key_, payload({{"iss", "\"https://own.example\""}}))));
}

TEST_F(TrustedTest, KeysWithIdsAreFoundByThem) {
  const Key a = *Key::from_private(crypto::Ed25519Key::generate(), "a");
  const Key b = *Key::from_private(crypto::Ed25519Key::generate(), "b");
  const auto verifier = make({issuer({{a, true}, {b, true}})});
  EXPECT_EQ(code(*verifier, signed_by(a, payload())), kAccepted);
  EXPECT_EQ(code(*verifier, signed_by(a, R"({"alg":"EdDSA","kid":"b"})", payload())), Errc::token_signature);
  EXPECT_EQ(code(*verifier, signed_by(a, R"({"alg":"EdDSA","kid":"c"})", payload())), Errc::token_key_unknown);
  EXPECT_EQ(code(*verifier, signed_by(b, R"({"alg":"EdDSA"})", payload())), kAccepted) << "tried one by one";
  const std::string long_kid(kMaxKeyIdBytes + 1, 'k');
  EXPECT_EQ(code(*verifier, signed_by(a, fmt::format(R"({{"alg":"EdDSA","kid":"{}"}})", long_kid), payload())),
            Errc::token_key_unknown);
}

TEST_F(TrustedTest, ATokenWithoutKidIsTriedWithEightKeysAtMost) {
  std::vector<ForeignKey> keys;
  for (int i = 0; i < 9; ++i)
    keys.push_back({*Key::from_private(crypto::Ed25519Key::generate(), fmt::format("k{}", i)), true});
  const auto verifier = make({issuer(keys)});
  EXPECT_EQ(code(*verifier, signed_by(keys[7].key, R"({"alg":"EdDSA"})", payload())), kAccepted);
  EXPECT_EQ(code(*verifier, signed_by(keys[8].key, R"({"alg":"EdDSA"})", payload())), Errc::token_signature);
  EXPECT_EQ(code(*verifier, signed_by(keys[8].key, payload())), kAccepted);
}

TEST_F(TrustedTest, ConfigurationsThatAreAmbiguousAreRefused) {
  const auto refused = [&](std::vector<TrustedIssuer> issuers, outbound::Outbound* out) {
    const auto made = TrustedVerifier::make(std::move(issuers), kOwn, out, clock_);
    return !made && made.error().code == Errc::config_invalid;
  };
  const TrustedIssuer good = issuer({{secret_key()}});
  TrustedIssuer own = good, unnamed = good, keyless = good, other_name = good, other_iss = good, url = good;
  own.issuer = kOwn;
  unnamed.name = "A b";
  keyless.keys.clear();
  other_name.name = "b";
  other_iss.issuer = "https://b.example";
  url.jwks_url = "http://id.example/jwks";
  EXPECT_TRUE(refused({own}, &web_));
  EXPECT_TRUE(refused({unnamed}, &web_));
  EXPECT_TRUE(refused({keyless}, &web_));
  EXPECT_TRUE(refused({good, other_name}, &web_)) << "one iss twice";
  EXPECT_TRUE(refused({good, other_iss}, &web_)) << "one name twice";
  EXPECT_TRUE(refused({url}, &web_)) << "plain http";
  url.jwks_url = "https://id.example/jwks";
  EXPECT_TRUE(refused({url}, nullptr));
  EXPECT_FALSE(refused({url}, &web_));
  EXPECT_FALSE(refused({}, nullptr));
}

}  // namespace
}  // namespace gatecast::token
