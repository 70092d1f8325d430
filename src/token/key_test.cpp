#include "token/key.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"
#include "token/key_ring.hpp"

namespace gatecast::token {
namespace {

const std::string kSecret = "Kq7vN2xW9pLr4TzB8mYc3FgH6jDs5aEuXo1Q";

/// RFC 8037 A.1.
Key rfc8037_key(std::string kid = {}) {
  const auto seed = base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").value();
  return *Key::from_private(*crypto::Ed25519Key::from_seed(Secret(seed)), std::move(kid));
}

Key secret_key(std::string kid = {}) {
  return *Key::from_secret(Algorithm::hs256, Secret(kSecret), SecretEncoding::text, std::move(kid));
}

TEST(Algorithm, NamesAreComparedLetterForLetter) {
  for (const Algorithm a : kAlgorithms) EXPECT_EQ(algorithm_from_name(name(a)), a);
  for (const std::string_view bad : {"", "none", "None", "hs256", "HS256 ", "EDDSA", "ES384", "HS1"}) {
    EXPECT_EQ(algorithm_from_name(bad), std::nullopt) << bad;
  }
  EXPECT_TRUE(symmetric(Algorithm::hs512));
  EXPECT_FALSE(symmetric(Algorithm::es256));
}

TEST(Key, TheThumbprintOfRfc8037IsTheDefaultId) {
  EXPECT_EQ(rfc8037_key().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  EXPECT_EQ(rfc8037_key("mine").kid(), "mine");
}

TEST(Key, FingerprintsAreOfTheKeyBytesOnly) {
  // printf %s SECRET | sha256sum | cut -c1-16
  EXPECT_EQ(fingerprint("abc"), "ba78:16bf:8f01:cfea");
  const Key text = secret_key();
  EXPECT_EQ(text.fingerprint(), fingerprint(kSecret));
  EXPECT_EQ(text.kid(), hex_encode(crypto::sha256(kSecret)).substr(0, 16));
  const auto hex = Key::from_secret(Algorithm::hs512, Secret(hex_encode(kSecret)), SecretEncoding::hex, "other");
  EXPECT_EQ(hex->fingerprint(), text.fingerprint());
  EXPECT_EQ(rfc8037_key().fingerprint(),
            fingerprint(base64url_decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").value()));
  const auto p256 = crypto::P256Key::generate();
  EXPECT_EQ(Key::from_private(p256)->fingerprint(), fingerprint(p256.x() + p256.y()));
}

TEST(Key, EveryAlgorithmSignsAndVerifiesItsOwn) {
  for (const Algorithm a : kAlgorithms) {
    const Key key = Key::generate(a);
    const Key other = Key::generate(a);
    EXPECT_EQ(key.algorithm(), a);
    EXPECT_NE(key.kid(), other.kid());
    const std::string signature = key.sign("input");
    EXPECT_TRUE(key.verify("input", signature)) << name(a);
    EXPECT_FALSE(key.verify("inpuT", signature)) << name(a);
    EXPECT_FALSE(other.verify("input", signature)) << name(a);
    EXPECT_FALSE(key.verify("input", "")) << name(a);
  }
  EXPECT_EQ(Key::generate(Algorithm::hs384).sign("x").size(), 48U);
  EXPECT_EQ(Key::generate(Algorithm::hs512).sign("x").size(), 64U);
}

TEST(Key, WeakOrMalformedMaterialIsRefused) {
  const auto code = [](Result<Key> key) { return key ? Errc::internal : key.error().code; };
  using enum SecretEncoding;
  EXPECT_EQ(code(Key::from_secret(Algorithm::hs256, Secret("short"), text)), Errc::secret_weak);
  EXPECT_EQ(code(Key::from_secret(Algorithm::hs256, Secret(hex_encode("sixteen bytes ab")), hex)), Errc::secret_weak);
  EXPECT_EQ(code(Key::from_secret(Algorithm::hs256, Secret(kSecret + "\n"), text)), Errc::secret_form);
  EXPECT_EQ(code(Key::from_secret(Algorithm::hs256, Secret(), text)), Errc::secret_missing);
  EXPECT_EQ(code(Key::from_secret(Algorithm::eddsa, Secret(kSecret), text)), Errc::config_invalid);
  EXPECT_EQ(code(Key::from_pem(Secret(kSecret))), Errc::key_invalid);
  for (const std::string& kid : {std::string(129, 'k'), std::string("a b"), std::string("a\"b"), std::string("a\\b"),
                                 std::string("a\nb"), std::string("\xc3\xa9")}) {
    EXPECT_EQ(code(Key::from_secret(Algorithm::hs256, Secret(kSecret), text, kid)), Errc::config_invalid) << kid;
    EXPECT_EQ(code(Key::from_private(crypto::Ed25519Key::generate(), kid)), Errc::config_invalid) << kid;
  }
  const auto allowed = Key::from_secret(Algorithm::hs256, Secret("short"), text, {}, WeakSecrets::allow);
  ASSERT_TRUE(allowed);
  EXPECT_TRUE(allowed->verify("x", allowed->sign("x")));
  EXPECT_EQ(code(Key::from_secret(Algorithm::hs256, Secret(), text, {}, WeakSecrets::allow)), Errc::secret_missing);
  // Over base64 a published default is still one.
  EXPECT_EQ(
      code(Key::from_secret(Algorithm::hs256, Secret(base64_encode("your-secret-key-0123456789-abcdefghij")), base64)),
      Errc::secret_weak);
}

TEST(Key, PemHoldsTheWholeKey) {
  for (const Algorithm a : {Algorithm::es256, Algorithm::eddsa}) {
    const Key key = Key::generate(a);
    const auto again = Key::from_pem(key.pem());
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->kid(), key.kid());
    EXPECT_EQ(again->algorithm(), a);
    EXPECT_TRUE(key.verify("x", again->sign("x")));
  }
  EXPECT_TRUE(Key::generate(Algorithm::hs256).pem().empty());
}

TEST(KeyRing, TheFirstKeyIsActiveAndIdsAreUnique) {
  const auto ring = KeyRing::make({rfc8037_key("a"), secret_key("b")});
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->active().kid(), "a");
  EXPECT_EQ(ring->find("b")->algorithm(), Algorithm::hs256);
  EXPECT_EQ(ring->find("c"), nullptr);
  EXPECT_EQ(ring->find(""), nullptr);
  EXPECT_EQ(ring->find_by_header(ring->find("b")->access_header())->kid(), "b");
  EXPECT_EQ(ring->find_by_header(""), nullptr);
  EXPECT_EQ(KeyRing::make({}).error().code, Errc::config_invalid);
  EXPECT_EQ(KeyRing::make({secret_key("a"), rfc8037_key("a")}).error().code, Errc::config_invalid);
  std::vector<Key> many;
  for (std::size_t i = 0; i < kMaxRingKeys; ++i) many.push_back(secret_key(fmt::format("{}", i)));
  EXPECT_TRUE(KeyRing::make(many));
  many.push_back(secret_key("more"));
  EXPECT_EQ(KeyRing::make(many).error().code, Errc::config_invalid);
}

TEST(KeyRing, PublishesPublicHalvesOnly) {
  const auto scalar = base64url_decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI").value();
  Key retired = *Key::from_private(*crypto::P256Key::from_jwk_d(Secret(scalar)), "e");
  retired.set_use_until(from_unix_seconds(1000));
  const auto ring = KeyRing::make({secret_key("s"), rfc8037_key("o"), retired});
  const std::string okp = R"({"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",)"
                          R"("kid":"o","alg":"EdDSA","use":"sig"})";
  const std::string ec = R"({"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                         R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"e","alg":"ES256","use":"sig"})";
  EXPECT_EQ(ring->jwks_json(), R"({"keys":[)" + okp + "," + ec + "]}");
  EXPECT_EQ(ring->jwks_json(from_unix_seconds(999)), R"({"keys":[)" + okp + "," + ec + "]}");
  EXPECT_EQ(ring->jwks_json(from_unix_seconds(1000)), R"({"keys":[)" + okp + "]}");
  EXPECT_EQ(KeyRing::make({secret_key()})->jwks_json(), R"({"keys":[]})");
}

}  // namespace
}  // namespace gatecast::token
