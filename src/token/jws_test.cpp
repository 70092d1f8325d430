#include "token/jws.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"
#include "token/inspect.hpp"

namespace gatecast::token {
namespace {

constexpr WallTime kNow = WallTime{std::chrono::seconds{1'800'000'000}};

std::string b64(std::string_view text) { return base64url_decode(text).value(); }

struct Example {
  std::string_view source;
  Key key;
  std::string token, payload;
};

std::vector<Example> examples() {
  const std::string claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
  const std::string encoded =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const Secret hs256(
      base64_encode(b64("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")));
  const Secret es256(b64("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"));
  const Secret eddsa(b64("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"));
  return {
      {"RFC 7515 A.1", *Key::from_secret(Algorithm::hs256, hs256, SecretEncoding::base64),
       "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + encoded + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", claims},
      {"RFC 7515 A.3", *Key::from_private(*crypto::P256Key::from_jwk_d(es256)),
       "eyJhbGciOiJFUzI1NiJ9." + encoded +
           ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
       claims},
      {"RFC 8037 A.4", *Key::from_private(*crypto::Ed25519Key::from_seed(eddsa)),
       "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
       "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
       "Example of Ed25519 signing"}};
}

Errc verdict(std::string_view token, const KeyRing& ring) {
  const auto jws = parse_jws(token, &ring);
  if (!jws) return jws.error().code;
  const auto key = check_signature(*jws, ring, kNow);
  return key ? Errc::internal : key.error().code;
}

TEST(Jws, VerifiesTheExamplesOfTheRfcs) {
  const auto all = examples();
  const auto ring = KeyRing::make({all[0].key, all[1].key, all[2].key});
  ASSERT_TRUE(ring);
  for (const Example& e : all) {
    const auto jws = parse_jws(e.token, &*ring);
    ASSERT_TRUE(jws) << e.source << jws.error().detail;
    EXPECT_EQ(jws->payload, e.payload) << e.source;
    const auto key = check_signature(*jws, *ring, kNow);
    ASSERT_TRUE(key) << e.source << key.error().detail;
    EXPECT_EQ((*key)->kid(), e.key.kid()) << e.source;
    const std::string signature = e.key.sign(jws->signing_input);
    EXPECT_TRUE(e.key.verify(jws->signing_input, signature)) << e.source;
    if (e.key.algorithm() != Algorithm::es256) {
      EXPECT_EQ(signature, jws->signature) << e.source;
    }
  }
}

TEST(Jws, CutAtAnyPositionItIsRefused) {
  for (const Example& e : examples()) {
    const auto ring = KeyRing::make({e.key});
    for (std::size_t cut = 0; cut < e.token.size(); ++cut) {
      EXPECT_NE(verdict(e.token.substr(0, cut), *ring), Errc::internal) << e.source << " cut at " << cut;
    }
  }
}

/// All 255 other values of every byte. What is not base64url must not get as far as a signature.
TEST(Jws, WithAnyByteChangedItIsRefused) {
  const Example e = examples()[0];
  const auto ring = KeyRing::make({e.key});
  ASSERT_EQ(verdict(e.token, *ring), Errc::internal);
  for (std::size_t at = 0; at < e.token.size(); ++at) {
    std::string token = e.token;
    for (int value = 0; value < 256; ++value) {
      token[at] = static_cast<char>(value);
      if (token[at] == e.token[at]) continue;
      const Errc code = verdict(token, *ring);
      EXPECT_NE(code, Errc::internal) << at << ": " << value;
      const bool plain = std::isalnum(value) != 0 || value == '-' || value == '_';
      if (!plain) EXPECT_EQ(code, Errc::token_malformed) << at << ": " << value;
    }
  }
}

TEST(Jws, TokensWithoutKidAreTriedWithEachKeyOfTheirAlgorithm) {
  const Key first = Key::generate(Algorithm::hs256), second = Key::generate(Algorithm::hs256);
  const std::string input = base64url_encode(R"({"alg":"HS256"})") + "." + base64url_encode("{}");
  const std::string token = input + "." + base64url_encode(second.sign(input));
  const auto both = KeyRing::make({first, Key::generate(Algorithm::eddsa), second});
  const auto jws = parse_jws(token);
  const auto key = check_signature(*jws, *both, kNow);
  ASSERT_TRUE(key);
  EXPECT_EQ((*key)->kid(), second.kid());
  EXPECT_EQ(verdict(token, *KeyRing::make({first})), Errc::token_signature);
  EXPECT_EQ(verdict(token, *KeyRing::make({Key::generate(Algorithm::eddsa)})), Errc::token_algorithm);
  EXPECT_EQ(verdict(token, *KeyRing::make({Key::generate(Algorithm::hs512)})), Errc::token_algorithm);
}

TEST(Inspect, ShowsWhatIsWrittenAndNothingElse) {
  const Example e = examples()[0];
  const auto shown = inspect(e.token);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->header_json, "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}");
  EXPECT_EQ(shown->claims_json, e.payload);
  // What the verifier refuses is still shown: it is what the doctor explains.
  const std::string odd = base64url_encode(R"({"alg":"none","jwk":{}})") + "." + base64url_encode("{}") + ".";
  EXPECT_EQ(inspect(odd)->header_json, R"({"alg":"none","jwk":{}})");
  for (const std::string& bad : {std::string(), std::string("a.b"), std::string("a.b.c.d"), "." + e.token,
                                 examples()[2].token, e.token + std::string(8192, 'x')}) {
    const auto refused = inspect(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Errc::token_malformed);
  }
  const std::size_t last = e.token.rfind('.');
  for (std::size_t cut = 0; cut < last; ++cut) EXPECT_FALSE(inspect(e.token.substr(0, cut))) << cut;
}

}  // namespace
}  // namespace gatecast::token
