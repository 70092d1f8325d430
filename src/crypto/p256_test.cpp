#include "crypto/p256.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"
#include "crypto/pem.hpp"

namespace gatecast::crypto {
namespace {

std::string b64(std::string_view text) { return base64url_decode(text).value(); }
std::string unhex(std::string_view text) { return hex_decode(text).value(); }

/// RFC 7515 A.3.
const std::string kD = b64("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
const std::string kX = b64("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
const std::string kY = b64("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
const std::string kOrder = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

TEST(P256, ThePublicPointFollowsFromD) {
  const auto key = P256Key::from_jwk_d(Secret(kD));
  ASSERT_TRUE(key) << key.error().detail;
  EXPECT_EQ(key->x(), kX);
  EXPECT_EQ(key->y(), kY);
  const std::string signature = key->sign("message");
  EXPECT_TRUE(p256_verify(kX, kY, "message", signature));
  EXPECT_TRUE(key->verify("message", signature));
}

/// RFC 6979 A.2.5, SHA-256 over "sample": a signature made by somebody else.
TEST(P256, VerifiesTheVectorOfRfc6979) {
  const std::string x = unhex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
  const std::string y = unhex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
  const std::string signature = unhex(
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_TRUE(p256_verify(x, y, "sample", signature));
  EXPECT_FALSE(p256_verify(x, y, "Sample", signature));
}

TEST(P256, EveryChangedByteOfASignatureIsRefused) {
  const P256Key key = P256Key::generate();
  const std::string signature = key.sign("message");
  ASSERT_EQ(signature.size(), 64U);
  for (std::size_t i = 0; i < signature.size(); ++i) {
    std::string bad = signature;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(key.verify("message", bad)) << i;
    EXPECT_FALSE(key.verify("message", signature.substr(0, i))) << i;
  }
  EXPECT_FALSE(key.verify("message", signature + '\0'));
}

/// r and s outside 1..n-1: zero is CVE-2022-21449, and s + n would be a second signature for the same message.
TEST(P256, NumbersOutOfRangeAreRefused) {
  const P256Key key = P256Key::generate();
  const std::string signature = key.sign("message");
  const std::string zero(32, '\0');
  const std::string r = signature.substr(0, 32), s = signature.substr(32);
  for (const std::string& bad :
       {zero + zero, r + zero, zero + s, kOrder + s, r + kOrder, r + std::string(32, '\xff'), kOrder + kOrder}) {
    EXPECT_FALSE(key.verify("message", bad)) << hex_encode(bad);
  }
}

TEST(P256, SignaturesWithLeadingZerosKeepTheirLength) {
  const P256Key key = P256Key::generate();
  bool seen = false;
  for (int i = 0; i < 20'000 && !seen; ++i) {
    const std::string message = fmt::format("{}", i);
    const std::string signature = key.sign(message);
    if (signature[0] != '\0' && signature[32] != '\0') continue;
    seen = true;
    EXPECT_EQ(signature.size(), 64U);
    EXPECT_TRUE(key.verify(message, signature));
  }
  EXPECT_TRUE(seen);
}

TEST(P256, RefusesWhatIsNoPointOrNoScalar) {
  std::string off = kY;
  off[31] = static_cast<char>(off[31] ^ 1);
  EXPECT_FALSE(P256PublicKey::from_xy(kX, off));
  EXPECT_FALSE(P256PublicKey::from_xy(std::string(32, '\0'), std::string(32, '\0')));
  EXPECT_FALSE(P256PublicKey::from_xy(std::string(32, '\xff'), kY));
  EXPECT_FALSE(P256PublicKey::from_xy(kX.substr(1), kY));
  EXPECT_FALSE(p256_verify(kX, off, "message", std::string(64, '\x01')));
  for (const std::string& d : {std::string(), std::string(32, '\0'), kOrder, kD.substr(1), kD + kD}) {
    const auto key = P256Key::from_jwk_d(Secret(d));
    ASSERT_FALSE(key) << hex_encode(d);
    EXPECT_EQ(key.error().code, Errc::key_invalid);
  }
}

TEST(Pem, BothKindsComeBackAsTheyWere) {
  const Ed25519Key ed25519 = Ed25519Key::generate();
  const auto read = read_pem(write_pem(ed25519));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(std::get<Ed25519Key>(*read).seed().expose(), ed25519.seed().expose());

  const P256Key p256 = P256Key::generate();
  const auto again = P256Key::from_pem(p256.pem());
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(again->x(), p256.x());
  EXPECT_TRUE(p256.verify("message", again->sign("message")));

  EXPECT_EQ(P256Key::from_pem(write_pem(ed25519)).error().code, Errc::key_invalid);
}

/// Files of `openssl genpkey -algorithm ed25519`, `openssl ecparam -name prime256v1 -genkey` and others.
TEST(Pem, ReadsWhatOpensslWrites) {
  const auto ed25519 =
      read_pem(Secret("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                      "-----END PRIVATE KEY-----\n"));
  ASSERT_TRUE(ed25519) << ed25519.error().detail;
  EXPECT_EQ(hex_encode(std::get<Ed25519Key>(*ed25519).public_key()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");

  const auto sec1 = read_pem(
      Secret("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
             "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
             "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
             "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END EC PRIVATE KEY-----\n"));
  ASSERT_TRUE(sec1) << sec1.error().detail;
  EXPECT_EQ(std::get<P256Key>(*sec1).x(), kX);
}

TEST(Pem, RefusesOtherTextsByName) {
  const std::string good(write_pem(Ed25519Key::generate()).expose());
  const std::pair<std::string, std::string_view> cases[] = {
      {"", "not an unencrypted private key"},
      {"not a key", "not an unencrypted private key"},
      {std::string(20'000, 'x'), "too long"},
      {"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
       "-----END PUBLIC KEY-----\n",
       "not an unencrypted private key"},
      {"-----BEGIN PRIVATE KEY-----\n"
       "MIIBUwIBADANBgkqhkiG9w0BAQEFAASCAT0wggE5AgEAAkEAsj8T7Yg/uFZPMl+T\n"
       "w0k0aYbJqmuBbEOOe/xMTcYsOPKq6UvHStbCvvQf0gvowUg3FV7gMwtkf3W2KTNM\n"
       "7Ij3NwIDAQABAkBPfbf6Z5fbMoqRMXSpU71PDnBjUxxd1ub1PjgdOzK/liHa8Sr1\n"
       "4vwButW59sDO3OY0HMIp9Ne/NeZhXRkq6C6JAiEA62AthrN2RkQx2RKpf9mkj7Ui\n"
       "jNMA35o9gktmD8PdC3MCIQDB3Wfzm5cpN/++Qep7tH92AE6hLx8zp6xH4OOzfkU8\n"
       "LQIgXEiOMPTl13DfVmuBt1W+tnVfQXVtLz4LBa3IK0Awx08CIDkBaNrKSqW1ML96\n"
       "VH/xsHU7W+Ornooq6M7uAya5n5Q1AiBZmp6UhmOdgy6xsU7Q2xZ4HF+y3kHFXw0N\n"
       "NfVnHkc7gQ==\n"
       "-----END PRIVATE KEY-----\n",
       "an RSA key of 512 bits"},
      {"-----BEGIN PRIVATE KEY-----\n"
       "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDC8+OqkNDqmb6WK0tTU\n"
       "rgtQYTPshmV6jxmqaGX2xdyHJTHl3Pf0QmCqT383cJL0hHehZANiAATgmnWASsN7\n"
       "OBnzIGH58Zgc1vhCL1/CG4aov09ttpKmTjaAS6jDw1Uwt7lwkx+VBayu88cRKqO5\n"
       "6EaD4IVAU8CV9X4ixckD5OaZVN7tEDgd/93T+XSfYw3CcFpph55ID7k=\n"
       "-----END PRIVATE KEY-----\n",
       "not a key on P-256"},
      {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
       "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiXUS55PXVrKwICCAAw\n"
       "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAOl2vwgr/R5+0xaPYU06bQEQB4n\n"
       "C5Azy2EbHuQRCWTVuMnXYGRlurHiNszV5zqeAFDvqpdtG2GRsYhpqG4B/1iC7wTI\n"
       "tMulUgvtIPGTP6wY3mw=\n"
       "-----END ENCRYPTED PRIVATE KEY-----\n",
       "not an unencrypted private key"},
      {"-----BEGIN EC PRIVATE KEY-----\n"
       "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
       "AwEHoUQDQgAEu5+G33GXtanXDtRDNC4/RmW6e98fibkLYQ1YPIHhcHYZQRbNoJzL\n"
       "qOIMe3Ly4YNcWnJSBvMLeEkdwNF8ZlW6lA==\n"
       "-----END EC PRIVATE KEY-----\n",
       "do not belong together"},
  };
  for (const auto& [text, why] : cases) {
    const auto key = read_pem(Secret(text));
    ASSERT_FALSE(key) << why;
    EXPECT_EQ(key.error().code, Errc::key_invalid);
    EXPECT_NE(key.error().detail.find(why), std::string::npos) << key.error().detail;
  }
  for (std::size_t cut = 0; cut < good.size() - 2; ++cut) {
    EXPECT_FALSE(read_pem(Secret(good.substr(0, cut)))) << cut;
  }
}

}  // namespace
}  // namespace gatecast::crypto
