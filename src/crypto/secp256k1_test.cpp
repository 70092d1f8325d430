#include "crypto/secp256k1.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "core/text_form.hpp"
#include "crypto/keccak.hpp"

namespace gatecast::crypto::secp256k1 {
namespace {

std::string unhex(std::string_view text) { return hex_decode(text).value(); }

// The example of Ethereum's web3 documentation: `eth.accounts.sign("Some data", …)`.
const std::string kHash = unhex("1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655");
const std::string kR = unhex("b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd");
const std::string kS = unhex("6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a029");
const std::string kOrder = unhex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
const std::string kHalf = unhex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");
const std::string kZero(32, '\0');

std::string one_more(std::string number) {
  ++number.back();
  return number;
}
std::string one_less(std::string number) {
  --number.back();
  return number;
}

// n - s, big-endian: the other signature that the same r allows.
std::string negated(const std::string& s) {
  std::string out = kOrder;
  int borrow = 0;
  for (std::size_t i = out.size(); i-- > 0;) {
    const int difference = static_cast<unsigned char>(out[i]) - static_cast<unsigned char>(s[i]) - borrow;
    borrow = difference < 0 ? 1 : 0;
    out[i] = static_cast<char>(difference + borrow * 256);
  }
  return out;
}

std::string signature(const std::string& r, const std::string& s, char id) { return r + s + id; }

std::string verdict(const std::string& signature65, const std::string& hash = kHash) {
  const Result<std::string> key = recover(hash, signature65);
  return key ? "recovered" : std::string(info(key.error().code).name);
}

std::string address(const std::string& signature65) {
  const Result<std::string> key = recover(kHash, signature65);
  return key ? hex_encode(keccak256(*key).substr(12)) : std::string();
}

TEST(Secp256k1, RecoversThePublishedSigner) {
  EXPECT_EQ(address(signature(kR, kS, 1)), "2c7536e3605d9c16a7a3d7b1898e529396a65c23");
  const Result<std::string> key = recover(kHash, signature(kR, kS, 1));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->size(), 64U);
}

TEST(Secp256k1, TheRecoveryIdDecidesBetweenTwoKeys) {
  EXPECT_EQ(verdict(signature(kR, kS, 0)), "recovered");
  EXPECT_NE(address(signature(kR, kS, 0)), "2c7536e3605d9c16a7a3d7b1898e529396a65c23");
  for (const int id : {2, 3, 4, 27, 28, 37, 255}) {
    EXPECT_EQ(verdict(signature(kR, kS, static_cast<char>(id))), "signature_malformed") << id;
  }
}

TEST(Secp256k1, TheUpperFormOfASignatureIsRefused) {
  EXPECT_EQ(verdict(signature(kR, negated(kS), 0)), "signature_malleable");
  EXPECT_EQ(verdict(signature(kR, negated(kS), 1)), "signature_malleable");
  EXPECT_EQ(verdict(signature(kR, kHalf, 1)), "recovered");
  EXPECT_EQ(verdict(signature(kR, one_more(kHalf), 1)), "signature_malleable");
  EXPECT_EQ(verdict(signature(kR, one_less(kOrder), 1)), "signature_malleable");
}

TEST(Secp256k1, ScalarsLieBetweenOneAndTheOrder) {
  for (const std::string& bad : {kZero, kOrder, one_more(kOrder), std::string(32, '\xff')}) {
    EXPECT_EQ(verdict(signature(bad, kS, 1)), "signature_malformed") << hex_encode(bad);
    EXPECT_EQ(verdict(signature(kR, bad, 1)), "signature_malformed") << hex_encode(bad);
  }
  EXPECT_EQ(verdict(signature(kR, one_more(kZero), 1)), "recovered");
  EXPECT_EQ(verdict(signature(one_more(kZero), kS, 1)), "recovered");
  // 5 is the x of no point: 5^3 + 7 has no root.
  EXPECT_EQ(verdict(signature(kZero.substr(1) + '\x05', kS, 1)), "signature_invalid");
}

TEST(Secp256k1, SizesAreExact) {
  const std::string good = signature(kR, kS, 1);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(verdict(good.substr(0, size)), "signature_malformed") << size;
  }
  EXPECT_EQ(verdict(good + '\0'), "signature_malformed");
  EXPECT_EQ(verdict(good, kHash.substr(1)), "signature_malformed");
  EXPECT_EQ(verdict(good, kHash + '\0'), "signature_malformed");
}

TEST(Secp256k1, ThreadsShareTheContext) {
  std::vector<std::thread> threads;
  std::array<std::string, 4> found;
  for (auto& each : found) {
    threads.emplace_back([&each] {
      for (int i = 0; i < 50; ++i) each = address(signature(kR, kS, 1));
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& each : found) EXPECT_EQ(each, "2c7536e3605d9c16a7a3d7b1898e529396a65c23");
}

}  // namespace
}  // namespace gatecast::crypto::secp256k1
