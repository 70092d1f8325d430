#include "token/jwk.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"
#include "token/key_ring.hpp"

namespace gatecast::token {
namespace {

// RFC 8037 A.1 with its private part.
constexpr std::string_view kOkp = R"({"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",)"
                                  R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
// RFC 7515 A.3.
constexpr std::string_view kEc = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                                 R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
// RFC 7515 A.1.
constexpr std::string_view kOct =
    R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
// RFC 7638 §3.1, whose thumbprint it gives.
constexpr std::string_view kRsa =
    R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebW)"
    R"(KRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb)"
    R"(9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-cs)"
    R"(FCur-kEgU8awapJzKnqDKgw","e":"AQAB"})";

std::string with(std::string_view jwk, std::string_view member) {
  std::string out(jwk);
  out.pop_back();
  return out + ',' + std::string(member) + '}';
}

Result<ForeignKey> read(std::string_view jwk) { return read_jwk(jwk, SymmetricKeys::accept); }

TEST(Jwk, EveryKindIsReadAndVerifiesItsPublishedExample) {
  const auto okp = read(kOkp);
  ASSERT_TRUE(okp) << okp.error().detail;
  EXPECT_EQ(okp->key.algorithm(), Algorithm::eddsa);
  EXPECT_FALSE(okp->key.can_sign()) << "d is not kept";
  EXPECT_FALSE(okp->named);
  EXPECT_EQ(okp->key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  EXPECT_TRUE(okp->key.verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                              base64url_decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"
                                               "9g7sVvpAr_MuM0KAg")
                                  .value()));
  constexpr std::string_view payload =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const auto ec = read(kEc);
  ASSERT_TRUE(ec);
  EXPECT_EQ(ec->key.algorithm(), Algorithm::es256);
  EXPECT_TRUE(ec->key.verify(fmt::format("eyJhbGciOiJFUzI1NiJ9.{}", payload),
                             base64url_decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKT"
                                              "UJqPP3-Kg6NU1Q")
                                 .value()));
  const auto oct = read(kOct);
  ASSERT_TRUE(oct);
  EXPECT_EQ(oct->key.algorithm(), Algorithm::hs256);
  EXPECT_TRUE(oct->key.verify(fmt::format("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{}", payload),
                              base64url_decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").value()));
  const auto rsa = read(kRsa);
  ASSERT_TRUE(rsa) << rsa.error().detail;
  EXPECT_EQ(rsa->key.algorithm(), Algorithm::rs256);
  EXPECT_EQ(rsa->key.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

TEST(Jwk, OwnKeysGoAround) {
  for (const Algorithm a : {Algorithm::eddsa, Algorithm::es256, Algorithm::rs256}) {
    const Key key = Key::generate(a);
    const auto back = read_jwk(key.public_jwk(), SymmetricKeys::refuse);
    ASSERT_TRUE(back) << name(a) << back.error().detail;
    EXPECT_TRUE(back->named);
    EXPECT_EQ(back->key.kid(), key.kid());
    EXPECT_EQ(back->key.fingerprint(), key.fingerprint());
    EXPECT_EQ(back->key.public_jwk(), key.public_jwk());
    EXPECT_TRUE(back->key.verify("input", key.sign("input")));
    EXPECT_FALSE(KeyRing::make({back->key})) << "a key that cannot sign is no active key";
  }
}

TEST(Jwk, ContradictionsAreRefused) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {kEc, R"("use":"enc")"},         {kEc, R"("use":7)"},
      {kEc, R"("key_ops":["sign"])"},  {kEc, R"("key_ops":"verify")"},
      {kEc, R"("key_ops":[])"},        {kEc, R"("alg":"ES384")"},
      {kEc, R"("alg":"EdDSA")"},       {kEc, R"("alg":"HS256")"},
      {kOkp, R"("alg":"ES256")"},      {kRsa, R"("alg":"PS256")"},
      {kRsa, R"("alg":"RS512")"},      {kRsa, R"("alg":"HS256")"},
      {kOct, R"("alg":"RS256")"},      {kOct, R"("alg":"none")"},
      {kRsa, R"("alg":null)"},         {kEc, R"("kid":5)"},
      {kEc, R"("kid":"has blank s")"}, {kEc, R"("alg":"ES256","alg":"ES256")"},
  };
  for (const auto& [jwk, member] : cases) {
    const auto refused = read(with(jwk, member));
    EXPECT_FALSE(refused) << member;
  }
  EXPECT_TRUE(read(with(kEc, R"("use":"sig","key_ops":["verify","sign"],"alg":"ES256","kid":"a","x5c":["AA"])")));
  const auto hs512 = read(with(kOct, R"("alg":"HS512")"));
  ASSERT_TRUE(hs512);
  EXPECT_EQ(hs512->key.algorithm(), Algorithm::hs512);
}

TEST(Jwk, BadMaterialIsRefused) {
  for (const std::string_view jwk :
       {R"({})", R"([])", R"(null)",
        R"({"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
        R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR"})",
        R"({"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})",
        R"({"kty":"OKP","crv":"Ed25519"})",
        R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})",
        R"({"kty":"EC","crv":"P-384","x":"AA","y":"AA"})", R"({"kty":"RSA","n":"AQAB","e":"AQAB"})",
        R"({"kty":"oct","k":""})", R"({"kty":"oct","k":"c2VjcmV0"})", R"({"kty":"oct","k":"+/+/"})",
        R"({"kty":"okp"})"}) {
    EXPECT_FALSE(read(jwk)) << jwk;
  }
  EXPECT_EQ(read(R"({"kty":"oct","k":"c2VjcmV0"})").error().code, Errc::secret_weak);
}

TEST(Jwks, UnusableKeysArePassedOver) {
  const std::string set =
      fmt::format(R"({{"keys":[{{"kty":"EC","crv":"P-521"}},{},7,{},{}]}})", kEc, with(kOkp, R"("use":"enc")"), kRsa);
  const auto keys = read_jwks(set, SymmetricKeys::refuse);
  ASSERT_TRUE(keys) << keys.error().detail;
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].key.algorithm(), Algorithm::es256);
  EXPECT_EQ((*keys)[1].key.algorithm(), Algorithm::rs256);
}

TEST(Jwks, ASecretInAPublishedSetIsNoKey) {
  const std::string set = fmt::format(R"({{"keys":[{}]}})", kOct);
  EXPECT_FALSE(read_jwks(set, SymmetricKeys::refuse));
  EXPECT_TRUE(read_jwks(set, SymmetricKeys::accept));
  EXPECT_FALSE(read_jwk(kOct, SymmetricKeys::refuse));
}

TEST(Jwks, BoundsAndForms) {
  EXPECT_FALSE(read_jwks(R"({"keys":[]})", SymmetricKeys::refuse));
  EXPECT_FALSE(read_jwks(R"({"keys":{}})", SymmetricKeys::refuse));
  EXPECT_FALSE(read_jwks("", SymmetricKeys::refuse));
  EXPECT_TRUE(read_jwks(kEc, SymmetricKeys::refuse)) << "one JWK alone";
  std::string many = R"({"keys":[)";
  for (std::size_t i = 0; i < kMaxKeySetKeys; ++i) many += fmt::format("{}{}", i ? "," : "", kEc);
  EXPECT_TRUE(read_jwks(many + "]}", SymmetricKeys::refuse));
  EXPECT_FALSE(read_jwks(many + "," + std::string(kEc) + "]}", SymmetricKeys::refuse));
  EXPECT_FALSE(read_jwks(std::string(kMaxKeySetBytes, ' ') + std::string(kEc), SymmetricKeys::refuse));
  const std::string set = fmt::format(R"({{"keys":[{},{}]}})", kEc, kOkp);
  for (std::size_t n = 0; n < set.size(); ++n) {
    EXPECT_FALSE(read_jwks(std::string_view(set).substr(0, n), SymmetricKeys::refuse)) << n;
  }
}

}  // namespace
}  // namespace gatecast::token
