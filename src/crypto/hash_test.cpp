#include "crypto/hash.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "core/text_form.hpp"
#include "crypto/constant_time.hpp"

namespace gatecast::crypto {
namespace {

std::string hex(std::string_view bytes) { return hex_encode(bytes); }
std::string unhex(std::string_view text) { return hex_decode(text).value(); }

TEST(Hash, MatchesTheVectorsOfFips180) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha384("abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(hex(sha512("abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

struct MacCase {
  std::string key, message, sha256, sha384, sha512;
};

/// RFC 4231, cases 1 to 4, 6 and 7 (5 is cut to 128 bits).
std::vector<MacCase> rfc4231() {
  return {
      {std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
       "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
       "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
       "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
      {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
       "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
       "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
       "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
       "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
       "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
       "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"},
      {unhex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
       "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
       "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
       "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
       "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
       "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
       "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
       "hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
       "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
       "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
       "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"},
  };
}

TEST(Hmac, MatchesTheVectorsOfRfc4231) {
  for (const MacCase& c : rfc4231()) {
    EXPECT_EQ(hex(hmac(HashKind::sha256, c.key, c.message)), c.sha256);
    EXPECT_EQ(hex(hmac(HashKind::sha384, c.key, c.message)), c.sha384);
    EXPECT_EQ(hex(hmac(HashKind::sha512, c.key, c.message)), c.sha512);
  }
}

TEST(Hmac, AKeyMacsManyMessagesAndItsCopiesAgree) {
  const HmacKey key(HashKind::sha384, Secret("a key that is used again and again"));
  const HmacKey copy = key;
  const std::string first = key.mac("one");
  EXPECT_NE(first, key.mac("two"));
  EXPECT_EQ(first, key.mac("one"));
  EXPECT_EQ(first, copy.mac("one"));
  EXPECT_TRUE(copy.verify("one", first));
  EXPECT_FALSE(copy.verify("two", first));
  EXPECT_FALSE(copy.verify("one", first.substr(1)));
  EXPECT_FALSE(copy.verify("one", ""));
  EXPECT_FALSE(copy.verify("one", first + first));
}

TEST(Hmac, OneKeyServesManyThreads) {
  const HmacKey key(HashKind::sha256, Secret(std::string(32, 'k')));
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&key, &wrong, t] {
      const std::string message(static_cast<std::size_t>(100 + t), 'm');
      const std::string expected = hmac(HashKind::sha256, std::string(32, 'k'), message);
      for (int i = 0; i < 500; ++i) wrong += key.mac(message) == expected ? 0 : 1;
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST(Hkdf, MatchesTheVectorsOfRfc5869) {
  const Secret ikm(std::string(22, '\x0b'));
  EXPECT_EQ(hex(hkdf_sha256(ikm, unhex("f0f1f2f3f4f5f6f7f8f9"), 42, unhex("000102030405060708090a0b0c")).expose()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(hex(hkdf_sha256(ikm, "", 42).expose()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  std::string long_ikm, long_salt, long_info;
  for (int i = 0; i < 0x50; ++i) {
    long_ikm += static_cast<char>(i);
    long_salt += static_cast<char>(0x60 + i);
    long_info += static_cast<char>(0xb0 + i);
  }
  EXPECT_EQ(hex(hkdf_sha256(Secret(long_ikm), long_info, 82, long_salt).expose()),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

TEST(ConstantTime, EqualIsEqualityOfBytes) {
  EXPECT_TRUE(equal("", ""));
  EXPECT_TRUE(equal("abc", "abc"));
  EXPECT_FALSE(equal("abc", "abd"));
  EXPECT_FALSE(equal("abc", "ab"));
  EXPECT_FALSE(equal(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

}  // namespace
}  // namespace gatecast::crypto
