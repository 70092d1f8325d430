#include "crypto/ed25519.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "core/text_form.hpp"

namespace gatecast::crypto {
namespace {

std::string unhex(std::string_view text) { return hex_decode(text).value(); }

struct Vector {
  std::string seed, public_key, message, signature;
};

/// RFC 8032 §7.1, tests 1 to 3 and SHA(abc).
std::vector<Vector> rfc8032() {
  return {{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
           "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
           "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
           "d25bf5f0595bbe24655141438e7a100b"},
          {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
           "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
           "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
           "387b2eaeb4302aeeb00d291612bb0c00"},
          {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
           "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
           "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
           "4a7c15e9716ed28dc027beceea1ec40a"},
          {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
           "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
           "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
           "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
           "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
           "3dca179c138ac17ad9bef1177331a704"}};
}

TEST(Ed25519, MatchesTheVectorsOfRfc8032) {
  for (const Vector& v : rfc8032()) {
    const auto key = Ed25519Key::from_seed(Secret(unhex(v.seed)));
    ASSERT_TRUE(key);
    EXPECT_EQ(hex_encode(key->public_key()), v.public_key);
    EXPECT_EQ(hex_encode(key->sign(unhex(v.message))), v.signature);
    EXPECT_EQ(hex_encode(key->seed().expose()), v.seed);
    EXPECT_TRUE(ed25519_verify(unhex(v.public_key), unhex(v.message), unhex(v.signature)));
    EXPECT_FALSE(ed25519_is_weak(unhex(v.public_key)));
  }
}

TEST(Ed25519, EveryChangedByteOfASignatureIsRefused) {
  const Ed25519Key key = Ed25519Key::generate();
  const std::string signature = key.sign("message");
  ASSERT_TRUE(ed25519_verify(key.public_key(), "message", signature));
  EXPECT_FALSE(ed25519_verify(key.public_key(), "massage", signature));
  EXPECT_FALSE(ed25519_verify(Ed25519Key::generate().public_key(), "message", signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    std::string bad = signature;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(ed25519_verify(key.public_key(), "message", bad)) << i;
    EXPECT_FALSE(ed25519_verify(key.public_key(), "message", signature.substr(0, i))) << i;
  }
}

/// S and S + L satisfy the same equation; only the smaller one may be accepted (RFC 8032 §5.1.7).
TEST(Ed25519, NonCanonicalSIsRefused) {
  static const std::string kOrder = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const Ed25519Key key = Ed25519Key::generate();
  std::string signature = key.sign("message");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned char>(signature[32 + i]) + static_cast<unsigned char>(kOrder[i]);
    signature[32 + i] = static_cast<char>(carry & 0xff);
    carry >>= 8;
  }
  EXPECT_FALSE(ed25519_verify(key.public_key(), "message", signature));
}

/// y of every point of small order, canonical and not; each with both signs of x.
std::vector<std::string> small_order_keys() {
  std::vector<std::string> keys;
  for (const std::string_view y : {"0100000000000000000000000000000000000000000000000000000000000000",
                                   "0000000000000000000000000000000000000000000000000000000000000000",
                                   "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                   "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                                   "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                                   "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                   "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    for (const unsigned sign : {0x00U, 0x80U}) {
      std::string key = unhex(y);
      key[31] = static_cast<char>(static_cast<unsigned char>(key[31]) | sign);
      keys.push_back(key);
    }
  }
  return keys;
}

bool openssl_verifies(std::string_view key, std::string_view message, std::string_view signature) {
  const auto bytes = [](std::string_view t) { return reinterpret_cast<const unsigned char*>(t.data()); };
  EVP_PKEY* pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(key), key.size());
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool good = pkey && EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, pkey) == 1 &&
                    EVP_DigestVerify(context, bytes(signature), signature.size(), bytes(message), message.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(pkey);
  return good;
}

/// Under a small-order key R = B, S = 1 is good for one message in eight at the least, with no key at all. A lax
/// library shows that the forgery is real, so that our refusal says something.
TEST(Ed25519, ForgeriesUnderSmallOrderKeysAreRefused) {
  const std::string base = unhex("5866666666666666666666666666666666666666666666666666666666666666");
  const std::string forgery = base + '\x01' + std::string(31, '\0');
  int real = 0;
  for (const std::string& key : small_order_keys()) {
    EXPECT_TRUE(ed25519_is_weak(key)) << hex_encode(key);
    for (int i = 0; i < 16; ++i) {
      const std::string message = fmt::format("message {}", i);
      real += openssl_verifies(key, message, forgery) ? 1 : 0;
      EXPECT_FALSE(ed25519_verify(key, message, forgery)) << hex_encode(key);
    }
  }
  EXPECT_GT(real, 16);
}

TEST(Ed25519, WhatIsNoPointIsWeak) {
  EXPECT_TRUE(ed25519_is_weak(""));
  EXPECT_TRUE(ed25519_is_weak(std::string(31, 'a')));
  EXPECT_TRUE(ed25519_is_weak(std::string(33, 'a')));
  EXPECT_TRUE(ed25519_is_weak(std::string(32, '\xff')));
  EXPECT_TRUE(ed25519_is_weak('\x02' + std::string(31, '\0'))) << "2 is the y of no point";
  // The 19 values from p to 2^255 - 1 are second names of small numbers.
  for (unsigned low = 0xed; low <= 0xff; ++low) {
    EXPECT_TRUE(ed25519_is_weak(static_cast<char>(low) + std::string(30, '\xff') + '\x7f')) << low;
  }
}

TEST(Ed25519, ASeedHas32Bytes) {
  for (const std::size_t size : {0U, 31U, 33U, 64U}) {
    const auto key = Ed25519Key::from_seed(Secret(std::string(size, 's')));
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Errc::key_invalid);
  }
}

}  // namespace
}  // namespace gatecast::crypto
