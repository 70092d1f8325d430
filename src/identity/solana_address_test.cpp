#include "identity/solana_address.hpp"

#include <gtest/gtest.h>

#include <random>

#include "identity/solana.hpp"
#include "identity/test_wallet.hpp"

namespace gatecast::identity {
namespace {

const TestWallet kWallet('a');

Errc key_error(const std::string& address) {
  const Result<std::string> key = solana_public_key(address);
  return key ? Errc::internal : key.error().code;
}

TEST(SolanaAddress, GivesTheKey) {
  const Result<std::string> key = solana_public_key(kWallet.address());
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, kWallet.public_key());
  const Result<std::string> known = solana_public_key("2EZEiBdw47VHT6SpZSW9VnuSvBe7DxuYHBTxj19gxvv8");
  ASSERT_TRUE(known);
  EXPECT_EQ(hex_encode(*known), "1254afeeaec211f2d514e03d41f1120df63a9c44923961b55c8a7b6a415f9985");
}

TEST(SolanaAddress, RefusesOtherForms) {
  const std::string good = kWallet.address();
  const std::string table[] = {
      "",
      "1",
      good + "1",
      "1" + good,
      " " + good,
      good + "\n",
      base58_encode(kWallet.public_key().substr(1)),
      base58_encode(kWallet.public_key() + "x"),
      std::string(33, '1'),
      std::string(44, 'z'),  // 44 characters of base58, but 33 bytes
      std::string(5000, '1'),
      hex_encode(kWallet.public_key()),
      "0xa1E993d09257291470e86778399D79A0864F327E",
  };
  for (const auto& address : table) EXPECT_EQ(key_error(address), Errc::address_invalid) << address;
}

// One character less may still be the base58 of 32 bytes, but of another key.
TEST(SolanaAddress, CutAnywhereIsNotTheKey) {
  const std::string good = kWallet.address();
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    const Result<std::string> key = solana_public_key(good.substr(0, cut));
    if (key) EXPECT_NE(*key, kWallet.public_key()) << cut;
    if (cut + 2 <= good.size()) EXPECT_EQ(key_error(good.substr(0, cut)), Errc::address_invalid) << cut;
  }
}

TEST(SolanaAddress, RefusesKeysUnderWhichASignatureProvesNothing) {
  const char* small_order[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  };
  for (const char* hex : small_order) EXPECT_EQ(key_error(base58_encode(*hex_decode(hex))), Errc::address_weak) << hex;
  // The system program: the address that every tool shows, and of which nobody has the key.
  EXPECT_EQ(key_error("11111111111111111111111111111111"), Errc::address_weak);
}

std::string unpadded(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  return text;
}

TEST(SolanaSignature, IsReadInAnyForm) {
  for (char seed = 'a'; seed < 'z'; ++seed) {
    const std::string bytes = TestWallet(seed).sign("some bytes");
    for (const std::string& text :
         {base64_encode(bytes), unpadded(base64_encode(bytes)), base64url_encode(bytes), base58_encode(bytes)}) {
      const auto out = solana_signatures(text);
      ASSERT_TRUE(out) << text;
      EXPECT_EQ(*out, std::vector{bytes}) << text;
    }
  }
}

// 86 digits of base58 whose last one ends in four zero bits are those of base64 as well. One signature in a quarter of
// a million is such a one; read in one form alone it would not verify.
TEST(SolanaSignature, ThatIsGoodInTwoFormsIsReadInBoth) {
  std::mt19937 random(1);
  int ambiguous = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string bytes(64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    bytes[0] = 0;
    bytes[1] |= 1;
    const std::string text = base58_encode(bytes);
    const auto out = solana_signatures(text);
    ASSERT_TRUE(out) << text;
    EXPECT_NE(std::find(out->begin(), out->end(), bytes), out->end()) << text;
    ambiguous += out->size() == 2 ? 1 : 0;
  }
  EXPECT_GT(ambiguous, 20);
}

TEST(SolanaSignature, ThatIsGoodInTwoFormsSignsIn) {
  // The first statements, counted up from 0, over whose texts this wallet's signatures are such ones.
  for (const char* statement : {"591858", "1076367"}) {
    SolanaMessage message = kWallet.message();
    message.statement = statement;
    const std::string text = format_solana_message(message);
    const std::string signature = base58_encode(kWallet.sign(text));
    ASSERT_EQ(solana_signatures(signature)->size(), 2U);
    const auto claim = verify_solana({.address = kWallet.address(), .message = text, .signature = signature},
                                     TestWallet::policy(), TestWallet::now());
    EXPECT_TRUE(claim) << info(claim.error().code).name;
  }
}

TEST(SolanaSignature, RefusesOtherSizesAndForms) {
  const std::string bytes = kWallet.sign("some bytes");
  const std::string base64 = base64_encode(bytes);
  std::string stray_bits = base64url_encode(bytes);
  stray_bits.back() =
      stray_bits.back() == 'z' ? 'y' : 'z';  // the last digit has two bits of the signature, four of none
  const std::string table[] = {
      "",
      base64.substr(0, 87),
      base64 + "=",
      base64 + "\n",
      " " + base64,
      stray_bits,
      base64url_encode(bytes) + "=",
      hex_encode(bytes),
      "0x" + hex_encode(bytes),
      base64_encode(bytes.substr(1)),
      base64_encode(bytes + "x"),
      base58_encode(bytes + "x"),
      base58_encode(bytes.substr(1)),
      base64_encode(std::string(65, '\0')),
      std::string(100'000, 'A'),
  };
  for (const auto& text : table) {
    const auto out = solana_signatures(text);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code, Errc::signature_malformed) << text;
  }
}

TEST(SolanaSignature, CutAnywhereIsRefused) {
  const std::string bytes = kWallet.sign("some bytes");
  for (const std::string& text : {base64_encode(bytes), base64url_encode(bytes), base58_encode(bytes)}) {
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
      // Without its padding, base64 is base64url where neither has its own last two digits.
      const auto out = solana_signatures(text.substr(0, cut));
      for (const std::string& read : out ? *out : std::vector<std::string>{}) {
        const std::string left = text.substr(0, cut);
        EXPECT_TRUE(base64url_encode(read) == left || unpadded(base64_encode(read)) == left) << left;
      }
    }
  }
}

}  // namespace
}  // namespace gatecast::identity
