#include "crypto/rsa.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "core/text_form.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/pem.hpp"

namespace gatecast::crypto {
namespace {

// RFC 7515 A.2.
const std::string kN =
    base64url_decode(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
        "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
        "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
        "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ")
        .value();
const std::string kE = base64url_decode("AQAB").value();
constexpr std::string_view kInput =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";
const std::string kSignature =
    base64url_decode(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
        "O8W2Fp5jujGbds9uJdbF9CUAr7t"
        "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--"
        "xi12j"
        "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
        "IoypGlUPQ"
        "Ge77Rw")
        .value();

using Pkey = std::shared_ptr<EVP_PKEY>;

Pkey openssl_key(const char* type, std::size_t bits) {
  return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, type, bits), EVP_PKEY_free);
}

std::string pem_of(EVP_PKEY* key, bool traditional) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (traditional) {
    PEM_write_bio_PrivateKey_traditional(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  } else {
    PEM_write_bio_PUBKEY(bio.get(), key);
  }
  std::string text(BIO_ctrl_pending(bio.get()), '\0');
  BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
  return text;
}

const RsaKey& shared_key() {
  static const RsaKey key = RsaKey::generate(2048);
  return key;
}

TEST(Rsa, VerifiesTheExampleOfRfc7515) {
  const auto key = RsaPublicKey::from_ne(kN, kE);
  ASSERT_TRUE(key) << key.error().detail;
  EXPECT_TRUE(key->verify(kInput, kSignature));
}

TEST(Rsa, EveryFlippedBitAndEveryOtherLengthIsRefused) {
  const auto key = *RsaPublicKey::from_ne(kN, kE);
  for (std::size_t at = 0; at < kSignature.size(); ++at) {
    std::string wrong = kSignature;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    EXPECT_FALSE(key.verify(kInput, wrong)) << at;
  }
  for (const std::string& wrong : {std::string(), kSignature.substr(1), kSignature + '\0', '\0' + kSignature,
                                   std::string(256, '\0'), std::string(256, '\xff'), kN}) {
    EXPECT_FALSE(key.verify(kInput, wrong)) << wrong.size();
  }
  EXPECT_FALSE(key.verify("another input", kSignature));
}

TEST(Rsa, SignsWhatItsPublicHalfVerifies) {
  const RsaKey& key = shared_key();
  const std::string signature = key.sign("input");
  EXPECT_EQ(signature.size(), 256u);
  EXPECT_TRUE(key.public_key().verify("input", signature));
  EXPECT_FALSE(key.public_key().verify("inpuT", signature));
  const auto again = RsaPublicKey::from_ne(key.public_key().n(), key.public_key().e());
  EXPECT_TRUE(again->verify("input", signature));
}

TEST(Rsa, PemGoesAroundInBothPrivateForms) {
  const RsaKey& key = shared_key();
  const auto pkcs8 = RsaKey::from_pem(key.pem());
  ASSERT_TRUE(pkcs8);
  EXPECT_EQ(pkcs8->public_key().n(), key.public_key().n());
  const Pkey other = openssl_key("RSA", 2048);
  const std::string pkcs1 = pem_of(other.get(), true);
  ASSERT_TRUE(pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----")) << pkcs1.substr(0, 40);
  const auto read = RsaKey::from_pem(Secret(pkcs1));
  ASSERT_TRUE(read);
  const auto half = read_public_pem(pem_of(other.get(), false));
  ASSERT_TRUE(half);
  EXPECT_TRUE(std::get<RsaPublicKey>(*half).verify("input", read->sign("input")));
}

TEST(Rsa, SizesAndExponentsOutsideTheBoundsAreRefused) {
  const Pkey small = openssl_key("RSA", 1024);
  const auto refused = RsaKey::adopt(small);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::key_invalid);
  std::string long_n(1025, '\xff');
  EXPECT_FALSE(RsaPublicKey::from_ne(long_n, kE));
  std::string even = kN;
  even.back() = static_cast<char>(even.back() & ~1);
  EXPECT_FALSE(RsaPublicKey::from_ne(even, kE));
  EXPECT_FALSE(RsaPublicKey::from_ne('\0' + kN, kE)) << "leading zero";
  for (const std::string& e : {std::string(), std::string("\x01"), std::string("\x02"), std::string("\x00\x03", 2),
                               std::string("\x01\x00", 2), std::string(9, '\x01')}) {
    EXPECT_FALSE(RsaPublicKey::from_ne(kN, e)) << e.size();
  }
  EXPECT_TRUE(RsaPublicKey::from_ne(kN, "\x03"));
}

TEST(Rsa, KeysOfOtherKindsAreRefused) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr));
  ASSERT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  EVP_PKEY* made = nullptr;
  ASSERT_EQ(EVP_PKEY_generate(context.get(), &made), 1);
  EXPECT_FALSE(RsaKey::adopt(Pkey(made, EVP_PKEY_free))) << "a PSS key must not sign PKCS#1 v1.5";
  EXPECT_FALSE(RsaKey::from_pem(P256Key::generate().pem()));
  EXPECT_FALSE(RsaKey::from_pem(write_pem(Ed25519Key::generate())));
}

TEST(PublicPem, ReadsEveryKindAndNamesWhatItIsNot) {
  const auto p256 = P256Key::generate();
  const Secret text = p256.pem();
  const BioPtr bio(BIO_new_mem_buf(text.expose().data(), static_cast<int>(text.size())));
  const Pkey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  const auto half = read_public_pem(pem_of(key.get(), false));
  ASSERT_TRUE(half);
  EXPECT_EQ(std::get<P256Point>(*half).x, p256.x());
  EXPECT_EQ(std::get<P256Point>(*half).y, p256.y());
  EXPECT_TRUE(std::get<P256Point>(*half).key.verify("m", p256.sign("m")));

  // RFC 8410 §10.1.
  const auto ed = read_public_pem(
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
      "-----END PUBLIC KEY-----\n");
  ASSERT_TRUE(ed);
  EXPECT_EQ(hex_encode(std::get<Ed25519PublicKey>(*ed).bytes),
            "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");

  const auto is_private = read_public_pem(text.expose());
  ASSERT_FALSE(is_private);
  EXPECT_NE(is_private.error().detail.find("private key"), std::string::npos);
  const auto certificate = read_public_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  ASSERT_FALSE(certificate);
  EXPECT_NE(certificate.error().detail.find("certificate"), std::string::npos);
  EXPECT_FALSE(read_public_pem(pem_of(openssl_key("RSA", 1024).get(), false)));
  EXPECT_FALSE(read_public_pem("nonsense"));
  EXPECT_FALSE(read_public_pem(std::string(kMaxPemBytes + 1, 'a')));
  const std::string whole = pem_of(key.get(), false);
  for (std::size_t n = 0; n < whole.size() - 1; ++n) {
    EXPECT_FALSE(read_public_pem(std::string_view(whole).substr(0, n))) << n;
  }
}

}  // namespace
}  // namespace gatecast::crypto
