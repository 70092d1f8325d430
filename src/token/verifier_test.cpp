#include "token/verifier.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"
#include "token/jws.hpp"

namespace gatecast::token {
namespace {

constexpr WallTime kNow = WallTime{std::chrono::milliseconds{1'800'000'000'500}};

const std::string kHeader = R"({"typ":"at+jwt","alg":"HS256","kid":"h"})";

/// A payload in which single members are replaced; an empty value leaves the member out.
std::string payload(std::initializer_list<std::pair<std::string, std::string>> changes = {}) {
  std::vector<std::pair<std::string, std::string>> members = {{"iss", "\"https://a.example\""},
                                                              {"aud", "\"app\""},
                                                              {"exp", "1800000060"},
                                                              {"iat", "1799999999"},
                                                              {"sub", "\"u1\""},
                                                              {"sid", "\"s1\""},
                                                              {"gen", "3"},
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

class VerifierTest : public testing::Test {
 protected:
  VerifierTest()
      : hmac_(*Key::from_secret(Algorithm::hs256, Secret("Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q"), SecretEncoding::text,
                                "h")),
        ring_(*KeyRing::make({*Key::from_private(ed25519_, "o"), hmac_, *Key::from_private(p256_, "e")})),
        verifier_(ring_, {"https://a.example", "app"}) {}

  std::string sign(const std::string& header, const std::string& body, const Key& key) const {
    const std::string input = base64url_encode(header) + "." + base64url_encode(body);
    return input + "." + base64url_encode(key.sign(input));
  }
  /// Signed by the symmetric key, whatever the header says.
  std::string token(const std::string& header, const std::string& body) const { return sign(header, body, hmac_); }

  /// The code of the refusal; `internal` stands for "accepted".
  Errc code(std::string_view text) const {
    const auto claims = verifier_.verify(text, kNow);
    return claims ? Errc::internal : claims.error().code;
  }
  Errc header_code(const std::string& header) const { return code(token(header, payload())); }
  Errc claims_code(std::initializer_list<std::pair<std::string, std::string>> changes) const {
    return code(token(kHeader, payload(changes)));
  }

  crypto::Ed25519Key ed25519_ = crypto::Ed25519Key::generate();
  crypto::P256Key p256_ = crypto::P256Key::generate();
  Key hmac_;
  KeyRing ring_;
  Verifier verifier_;
};

constexpr Errc kAccepted = Errc::internal;

TEST_F(VerifierTest, AcceptsAGoodTokenAndReadsAllOfIt) {
  const auto claims = verifier_.verify(
      token(kHeader, payload({{"aud", R"(["other","app"])"}, {"nbf", "1800000000"}, {"wallet", "{\"a\": [1, 2.5]}"}})),
      kNow);
  ASSERT_TRUE(claims) << claims.error().detail;
  const Claims expected{.iss = "https://a.example",
                        .aud = {"other", "app"},
                        .exp = 1'800'000'060,
                        .iat = 1'799'999'999,
                        .nbf = 1'800'000'000,
                        .sub = "u1",
                        .sid = "s1",
                        .jti = "j1",
                        .gen = 3,
                        .extra_json = R"({"wallet":{"a": [1, 2.5]}})"};
  EXPECT_EQ(*claims, expected);
}

TEST_F(VerifierTest, HeadersOfOthersThatSayTheSameAreAccepted) {
  EXPECT_EQ(header_code(R"({"alg":"HS256","kid":"h","typ":"AT+JWT"})"), kAccepted);
  EXPECT_EQ(header_code(R"( {"kid":"h", "typ":"application/at+jwt","alg":"HS256","cty":"x"} )"), kAccepted);
  EXPECT_EQ(header_code(R"({"typ":"Application/AT+jwt","alg":"HS256"})"), kAccepted) << "no kid";
  EXPECT_EQ(header_code(R"({"typ":"at+jwt","alg":"HS256","kid":"\u0068"})"), kAccepted);
}

TEST_F(VerifierTest, HostileHeadersEachHaveTheirCode) {
  const std::pair<std::string, Errc> cases[] = {
      // The algorithm is the key's.
      {R"({"typ":"at+jwt","alg":"none"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"none","kid":"h"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"NONE","kid":"h"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"nOnE"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"","kid":"h"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"hs256","kid":"h"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"HS512","kid":"h"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"o"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"RS256","kid":"o"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"EdDSA","kid":"h"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"HS384"})", Errc::token_algorithm},
      {R"({"typ":"at+jwt","alg":"EdDSA"})", Errc::token_signature},
      {R"({"typ":"at+jwt","alg":"EdDSA","kid":"o"})", Errc::token_signature},
      {R"({"typ":"at+jwt","alg":"ES256","kid":"e"})", Errc::token_signature},
      {R"({"typ":"at+jwt","alg":null,"kid":"h"})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":["HS256"],"kid":"h"})", Errc::token_malformed},
      {R"({"typ":"at+jwt","kid":"h"})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","alg":"none","kid":"h"})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"none","\u0061lg":"HS256","kid":"h"})", Errc::token_malformed},
      // Keys come from the ring.
      {R"({"typ":"at+jwt","alg":"HS256","kid":"x"})", Errc::token_key_unknown},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"H"})", Errc::token_key_unknown},
      {R"({"typ":"at+jwt","alg":"HS256","kid":""})", Errc::token_key_unknown},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"../../dev/null"})", Errc::token_key_unknown},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h' OR '1'='1"})", Errc::token_key_unknown},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h\u0000"})", Errc::token_key_unknown},
      {R"({"typ":"at+jwt","alg":"HS256","kid":")" + std::string(129, 'h') + "\"}", Errc::token_key_unknown},
      {R"({"typ":"at+jwt","alg":"none","kid":"x"})", Errc::token_key_unknown},
      {R"({"typ":"at+jwt","alg":"HS256","kid":1})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","kid":"h"})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","jwk":{"kty":"oct","k":"AA"}})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","jku":"https://evil.example"})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","x5u":"https://evil.example"})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","x5c":[]})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","crit":["exp"]})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","crit":[]})", Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","b64":true})", Errc::token_malformed},
      // Other kinds of tokens under the same key.
      {R"({"alg":"HS256","kid":"h"})", Errc::token_type},
      {R"({"typ":"JWT","alg":"HS256","kid":"h"})", Errc::token_type},
      {R"({"typ":"rt+jwt","alg":"HS256","kid":"h"})", Errc::token_type},
      {R"({"typ":"at+jwt ","alg":"HS256","kid":"h"})", Errc::token_type},
      {R"({"typ":"text/at+jwt","alg":"HS256","kid":"h"})", Errc::token_type},
      {R"({"typ":"","alg":"HS256","kid":"h"})", Errc::token_type},
      {R"({"typ":["at+jwt"],"alg":"HS256","kid":"h"})", Errc::token_malformed},
      // No object at all.
      {"", Errc::token_malformed},
      {"null", Errc::token_malformed},
      {"[]", Errc::token_malformed},
      {kHeader + "x", Errc::token_malformed},
      {kHeader + kHeader, Errc::token_malformed},
      {"\xef\xbb\xbf" + kHeader, Errc::token_malformed},
      {R"({"typ":"at+jwt","alg":"HS256","kid":"h","a":)" + std::string(1000, '[') + std::string(1000, ']') + "}",
       Errc::token_malformed},
  };
  for (const auto& [header, expected] : cases) EXPECT_EQ(header_code(header), expected) << header;
}

/// The public key is public: a verifier that takes it as an HMAC secret lets everybody mint.
TEST_F(VerifierTest, PublicKeysAreNoSecrets) {
  const std::string p256_public = p256_.x() + p256_.y();
  for (const std::string& known : {ed25519_.public_key(), p256_public, "\x04" + p256_public,
                                   ring_.find("o")->public_jwk(), ring_.find("e")->public_jwk(), std::string()}) {
    for (const std::string kid : {"o", "e", "h"}) {
      const std::string input = base64url_encode(R"({"typ":"at+jwt","alg":"HS256","kid":")" + kid + "\"}") + "." +
                                base64url_encode(payload());
      const std::string forged = input + "." + base64url_encode(crypto::hmac(crypto::HashKind::sha256, known, input));
      EXPECT_EQ(code(forged), kid == "h" ? Errc::token_signature : Errc::token_algorithm);
    }
  }
}

TEST_F(VerifierTest, HostileClaimsEachHaveTheirCode) {
  for (const std::string claim : {"iss", "aud", "exp", "iat", "sub", "sid", "gen", "jti"}) {
    EXPECT_EQ(claims_code({{claim, ""}}), Errc::token_claims) << claim << " missing";
    for (const std::string wrong : {"null", "true", "{}", "1.5", "\"\""}) {
      EXPECT_EQ(claims_code({{claim, wrong}}), Errc::token_claims) << claim << " = " << wrong;
    }
  }
  for (const std::string claim : {"exp", "iat", "nbf", "gen"}) {
    for (const std::string wrong : {"1800000060.0", "1.8e9", "18E8", "\"1800000060\"", "9007199254740993",
                                    "-9007199254740993", "99999999999999999999999", "[1800000060]", "null", "true"}) {
      EXPECT_EQ(claims_code({{claim, wrong}}), Errc::token_claims) << claim << " = " << wrong;
    }
  }
  for (const std::string wrong : {"0", "-1"}) EXPECT_EQ(claims_code({{"gen", wrong}}), Errc::token_claims) << wrong;
  for (const std::string wrong : {"[]", "[1]", "[\"app\",1]", "[\"app\",\"\"]", "[[\"app\"]]", "{\"app\":1}", "7"}) {
    EXPECT_EQ(claims_code({{"aud", wrong}}), Errc::token_claims) << wrong;
  }
  for (const std::string claim : {"iss", "sub", "sid", "jti"}) {
    EXPECT_EQ(claims_code({{claim, "[\"x\"]"}}), Errc::token_claims) << claim;
    EXPECT_EQ(claims_code({{claim, "1"}}), Errc::token_claims) << claim;
  }
  EXPECT_EQ(code(token(kHeader, "[]")), Errc::token_malformed);
  EXPECT_EQ(code(token(kHeader, "")), Errc::token_malformed);
  EXPECT_EQ(code(token(kHeader, "{}")), Errc::token_claims);
  std::string twice = payload();
  twice.back() = ',';
  EXPECT_EQ(code(token(kHeader, twice + "\"exp\":1800000060}")), Errc::token_malformed);
  EXPECT_EQ(code(token(kHeader, twice + "\"\\u0065xp\":1900000000}")), Errc::token_malformed);
  EXPECT_EQ(code(token(kHeader, twice + "\"role\":\"a\",\"role\":\"b\"}")), Errc::token_malformed);
}

TEST_F(VerifierTest, IssuerAndAudienceAreComparedLetterForLetter) {
  for (const std::string wrong :
       {"\"https://a.example/\"", "\"https://A.example\"", "\"https://a.example \"", "\"x\""}) {
    EXPECT_EQ(claims_code({{"iss", wrong}}), Errc::token_issuer) << wrong;
  }
  for (const std::string wrong : {"\"App\"", "\"app \"", "[\"x\",\"y\"]", "\"https://a.example\""}) {
    EXPECT_EQ(claims_code({{"aud", wrong}}), Errc::token_audience) << wrong;
  }
  EXPECT_EQ(claims_code({{"aud", "[\"app\"]"}}), kAccepted);
}

TEST_F(VerifierTest, TimesHaveNoLeeway) {
  EXPECT_EQ(claims_code({{"exp", "1800000001"}}), kAccepted);
  EXPECT_EQ(claims_code({{"exp", "1800000000"}}), Errc::token_expired);
  EXPECT_EQ(claims_code({{"exp", "-1"}}), Errc::token_expired);
  EXPECT_EQ(claims_code({{"exp", "9007199254740992"}}), kAccepted);
  EXPECT_EQ(claims_code({{"nbf", "1800000000"}}), kAccepted);
  EXPECT_EQ(claims_code({{"nbf", "1800000001"}}), Errc::token_not_yet_valid);
  EXPECT_EQ(claims_code({{"iat", "1800000500"}}), kAccepted) << "a future iat alone refuses nothing";
  EXPECT_EQ(claims_code({{"iat", "-5"}}), kAccepted);
}

TEST_F(VerifierTest, TheFirstFaultInOrderIsTheOneTold) {
  const std::string all_wrong = payload({{"iss", "\"x\""}, {"aud", "\"x\""}, {"exp", "1"}, {"nbf", "1900000000"}});
  EXPECT_EQ(code(token(kHeader, all_wrong)), Errc::token_issuer);
  EXPECT_EQ(claims_code({{"aud", "\"x\""}, {"exp", "1"}}), Errc::token_audience);
  EXPECT_EQ(claims_code({{"exp", "1"}, {"nbf", "1900000000"}}), Errc::token_expired);
  EXPECT_EQ(claims_code({{"iss", "\"x\""}, {"gen", "0"}}), Errc::token_claims);
  EXPECT_EQ(code(token(R"({"typ":"JWT","alg":"HS256","kid":"h"})", "{}")), Errc::token_type);
  const Key stranger = Key::generate(Algorithm::hs256);
  EXPECT_EQ(code(sign(R"({"typ":"JWT","alg":"HS256","kid":"h"})", "{}", stranger)), Errc::token_signature);
  EXPECT_EQ(code(sign(kHeader, all_wrong, stranger)), Errc::token_signature);
  EXPECT_EQ(code(sign(kHeader, "{", stranger)), Errc::token_malformed);
  EXPECT_EQ(code(sign(R"({"alg":"HS512","kid":"h"})", "{}", stranger)), Errc::token_algorithm);
  EXPECT_EQ(code(sign(R"({"alg":"HS512","kid":"z"})", "{}", stranger)), Errc::token_key_unknown);
}

TEST_F(VerifierTest, HostileFormsAreMalformed) {
  const std::string good = token(kHeader, payload());
  ASSERT_EQ(code(good), kAccepted);
  const std::size_t first = good.find('.'), last = good.rfind('.');
  const std::string head = good.substr(0, first), body = good.substr(first + 1, last - first - 1);
  const std::string signature = good.substr(last + 1);
  std::string standard = good;
  std::string trailing = good;  // 32 bytes leave four unused bits in the last character
  trailing.back() = trailing.back() == 'A' ? 'B' : static_cast<char>(trailing.back() + 1);
  for (const std::string& bad : {std::string(),
                                 std::string("."),
                                 std::string(".."),
                                 std::string("null"),
                                 head,
                                 head + "." + body,
                                 good + ".",
                                 good + "." + signature,
                                 "." + good,
                                 head + "..." + signature,
                                 good + "=",
                                 good + "==",
                                 head + "=." + body + "." + signature,
                                 head + "." + body + "=." + signature,
                                 good + " ",
                                 " " + good,
                                 good + "\n",
                                 good + "\r\n",
                                 good + std::string(1, '\0'),
                                 "\"" + good + "\"",
                                 "'" + good + "'",
                                 "Bearer " + good,
                                 head + " ." + body + "." + signature,
                                 head + "." + body + ".\n" + signature,
                                 trailing,
                                 head + "." + body + "." + signature.substr(0, 40) + "+" + signature.substr(41),
                                 head + "." + body + "." + signature.substr(0, 40) + "/" + signature.substr(41),
                                 head + "." + body + "." + signature.substr(0, 40) + "%2D" + signature.substr(41),
                                 "." + body + "." + signature,
                                 head + ".." + signature,
                                 head + "," + body + "," + signature}) {
    EXPECT_EQ(code(bad), Errc::token_malformed) << bad;
  }
  EXPECT_EQ(code(head + "." + body + "."), Errc::token_signature) << "no signature at all";
  EXPECT_EQ(code(base64url_encode(R"({"typ":"at+jwt","alg":"none"})") + "." + body + "."), Errc::token_algorithm);
}

TEST_F(VerifierTest, TheSizeIsBounded) {
  const auto of_size = [&](std::size_t fill) {
    return token(kHeader, payload({{"fill", "\"" + std::string(fill, 'x') + "\""}}));
  };
  std::size_t fill = 5000;
  while (of_size(fill + 1).size() <= kMaxTokenBytes) ++fill;
  EXPECT_EQ(code(of_size(fill)), kAccepted);
  EXPECT_EQ(code(of_size(fill + 1)), Errc::token_malformed);
  EXPECT_EQ(code(std::string(1'000'000, '.')), Errc::token_malformed);
}

TEST_F(VerifierTest, CutOrChangedAnywhereATokenIsRefused) {
  for (const std::string kid : {"o", "h", "e"}) {
    const Key& key = *ring_.find(kid);
    const std::string good = key.access_header() + "." + base64url_encode(payload());
    const std::string text = good + "." + base64url_encode(key.sign(good));
    ASSERT_EQ(code(text), kAccepted) << kid;
    for (std::size_t at = 0; at < text.size(); ++at) {
      EXPECT_NE(code(text.substr(0, at)), kAccepted) << kid << " cut at " << at;
      for (const int bit : {1, 2, 32, 128}) {
        std::string changed = text;
        changed[at] = static_cast<char>(changed[at] ^ bit);
        EXPECT_NE(code(changed), kAccepted) << kid << " bit " << bit << " at " << at;
      }
    }
  }
}

TEST_F(VerifierTest, ARetiredKeyVerifiesNothingFromItsMomentOn) {
  Key retired = hmac_;
  retired.set_use_until(kNow);
  const auto ring = KeyRing::make({Key::generate(Algorithm::hs256), retired});
  const Verifier verifier(*ring, {"https://a.example", "app"});
  const std::string own = token(kHeader, payload());
  const std::string nameless = token(R"({"typ":"at+jwt","alg":"HS256"})", payload());
  EXPECT_TRUE(verifier.verify(own, kNow - std::chrono::milliseconds{1}));
  EXPECT_TRUE(verifier.verify(nameless, kNow - std::chrono::milliseconds{1}));
  EXPECT_EQ(verifier.verify(own, kNow).error().code, Errc::token_key_unknown);
  EXPECT_EQ(verifier.verify(nameless, kNow).error().code, Errc::token_signature);
}

}  // namespace
}  // namespace gatecast::token
