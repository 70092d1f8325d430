#include "session/nonce.hpp"

#include <gtest/gtest.h>

#include <set>

#include "core/text_form.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

const Secret kFirst{std::string(32, 'a')};
const Secret kSecond{std::string(32, 'b')};
constexpr std::string_view kAddress = "2EZEiBdw47VHT6SpZSW9VnuSvBe7DxuYHBTxj19gxvv8";
constexpr std::string_view kOther = "EqzxWVyBpLD34SV9w1FFpPPvbfrfAXdiDVg1cyHTR1Rv";
constexpr WallTime kNow{std::chrono::seconds{1'800'000'000}};
constexpr NonceScope kScope{Purpose::signin, "solana", kAddress, "example.com"};

NonceKeys keys_of(SessionKeyList list) {
  Result<NonceKeys> keys = NonceKeys::make(list);
  EXPECT_TRUE(keys.has_value());
  return *keys;
}

class Nonce : public testing::Test {
 protected:
  std::optional<Errc> code(std::string_view nonce, const NonceScope& scope, WallTime now = kNow) {
    Result<OpenedNonce> opened = keys_.open(nonce, scope, now);
    return opened.has_value() ? std::nullopt : std::optional{opened.error().code};
  }
  NonceScope with(NonceScope scope, auto NonceScope::* field, auto value) {
    scope.*field = value;
    return scope;
  }
  NonceKeys keys_ = keys_of({{"1", kFirst}});
  std::string nonce_ = keys_.issue(kScope, kNow + 5min);
};

TEST_F(Nonce, OpensForWhatItWasIssuedFor) {
  Result<OpenedNonce> opened = keys_.open(nonce_, kScope, kNow);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->expires, kNow + 5min);
  EXPECT_TRUE(opened->address_bound);
  EXPECT_LE(nonce_.size(), 44U);
  EXPECT_GE(nonce_.size(), 8U);
}

TEST_F(Nonce, EachFieldIsBound) {
  EXPECT_EQ(code(nonce_, with(kScope, &NonceScope::chain, "ethereum")), Errc::nonce_invalid);
  EXPECT_EQ(code(nonce_, with(kScope, &NonceScope::address, kOther)), Errc::nonce_invalid);
  EXPECT_EQ(code(nonce_, with(kScope, &NonceScope::address, "")), Errc::nonce_invalid);
  EXPECT_EQ(code(nonce_, with(kScope, &NonceScope::origin, "example.com:8443")), Errc::nonce_invalid);
  EXPECT_EQ(code(nonce_, with(kScope, &NonceScope::purpose, Purpose::link)), Errc::nonce_purpose);
}

TEST_F(Nonce, PurposesAreNotInterchangeable) {
  const std::string link = keys_.issue(with(kScope, &NonceScope::purpose, Purpose::link), kNow + 5min);
  EXPECT_EQ(code(link, kScope), Errc::nonce_purpose);
  EXPECT_EQ(code(link, with(kScope, &NonceScope::purpose, Purpose::link)), std::nullopt);
}

TEST_F(Nonce, FieldsDoNotRunIntoEachOther) {
  const std::string nonce = keys_.issue({Purpose::signin, "ab", "c", "d"}, kNow + 5min);
  EXPECT_EQ(code(nonce, {Purpose::signin, "ab", "c", "d"}), std::nullopt);
  EXPECT_EQ(code(nonce, {Purpose::signin, "a", "bc", "d"}), Errc::nonce_invalid);
  EXPECT_EQ(code(nonce, {Purpose::signin, "ab", "cd", ""}), Errc::nonce_invalid);
}

TEST_F(Nonce, ExpiresAtItsSecond) {
  EXPECT_EQ(code(nonce_, kScope, kNow + 5min - 1ms), std::nullopt);
  EXPECT_EQ(code(nonce_, kScope, kNow + 5min), Errc::nonce_expired);
  EXPECT_EQ(code(nonce_, kScope, kNow + 24h), Errc::nonce_expired);
  EXPECT_EQ(code(nonce_, kScope, kNow - 24h), std::nullopt);
}

TEST_F(Nonce, WrongPurposeIsSaidBeforeExpiry) {
  EXPECT_EQ(code(nonce_, with(kScope, &NonceScope::purpose, Purpose::link), kNow + 1h), Errc::nonce_purpose);
}

TEST_F(Nonce, WithoutAddressItFitsAnyAddressButNothingElse) {
  const std::string any = keys_.issue(with(kScope, &NonceScope::address, ""), kNow + 5min);
  Result<OpenedNonce> opened = keys_.open(any, kScope, kNow);
  ASSERT_TRUE(opened.has_value());
  EXPECT_FALSE(opened->address_bound);
  EXPECT_EQ(code(any, with(kScope, &NonceScope::address, kOther)), std::nullopt);
  EXPECT_EQ(code(any, with(kScope, &NonceScope::origin, "other.com")), Errc::nonce_invalid);
  EXPECT_EQ(code(any, with(kScope, &NonceScope::chain, "ethereum")), Errc::nonce_invalid);
}

TEST_F(Nonce, EachFlippedBitIsRefused) {
  const std::string bytes = base58_decode(nonce_).value_or("");
  ASSERT_EQ(bytes.size(), 32U);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_EQ(code(base58_encode(flipped), kScope), Errc::nonce_invalid) << i << '.' << bit;
    }
  }
}

TEST_F(Nonce, CutOrLongerTextsAreRefused) {
  for (std::size_t n = 0; n < nonce_.size(); ++n) EXPECT_EQ(code(nonce_.substr(0, n), kScope), Errc::nonce_invalid);
  EXPECT_EQ(code(nonce_ + "1", kScope), Errc::nonce_invalid);
  EXPECT_EQ(code("1" + nonce_, kScope), Errc::nonce_invalid);
  EXPECT_EQ(code(std::string(100'000, '1'), kScope), Errc::nonce_invalid);
  EXPECT_EQ(code("0OIl", kScope), Errc::nonce_invalid);
}

TEST_F(Nonce, TheFirstKeyMakesAndAllVerify) {
  const NonceKeys both = keys_of({{"2", kSecond}, {"1", kFirst}});
  EXPECT_TRUE(both.open(nonce_, kScope, kNow).has_value());
  const NonceKeys only_new = keys_of({{"2", kSecond}});
  EXPECT_TRUE(only_new.open(both.issue(kScope, kNow + 5min), kScope, kNow).has_value());
  EXPECT_FALSE(only_new.open(nonce_, kScope, kNow).has_value());
}

TEST_F(Nonce, IsOfLettersAndDigitsAndNeverTheSame) {
  std::set<std::string> nonces;
  for (int i = 0; i < 1'000; ++i) {
    const std::string nonce = keys_.issue(kScope, kNow + 5min);
    EXPECT_TRUE(std::ranges::all_of(nonce, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }));
    nonces.insert(nonce);
  }
  EXPECT_EQ(nonces.size(), 1'000U);
}

}  // namespace
}  // namespace gatecast::session
