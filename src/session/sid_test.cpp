#include "session/sid.hpp"

#include <gtest/gtest.h>

#include <set>

#include "core/text_form.hpp"
#include "crypto/hash.hpp"

namespace gatecast::session {
namespace {

const Secret kFirst{std::string(32, 'a')};
const Secret kSecond{std::string(32, 'b')};
constexpr std::string_view kUser = "k3v9x0m2p5q8r1t4w7yz";

SidKeys keys_of(SessionKeyList list) {
  Result<SidKeys> keys = SidKeys::make(list);
  EXPECT_TRUE(keys.has_value());
  return *keys;
}

TEST(Sid, IsMadeAsWritten) {
  const SidKeys keys = keys_of({{"1", kFirst}});
  const std::string sid = keys.issue(kUser);
  EXPECT_EQ(sid.size(), kSidChars);
  const std::string bytes = base64url_decode(sid).value_or("");
  ASSERT_EQ(bytes.size(), 28U);
  const std::string mac =
      crypto::hmac(crypto::HashKind::sha256, kFirst.expose(), "sid" + bytes.substr(0, 16) + std::string(kUser));
  EXPECT_EQ(bytes.substr(16), mac.substr(0, 12));
}

TEST(Sid, NoneBeginsLikeAnOption) {
  const SidKeys keys = keys_of({{"1", kFirst}});
  for (int i = 0; i < 2000; ++i) EXPECT_NE(keys.issue(kUser).front(), '-');
}

TEST(Sid, VerifiesForItsUserAlone) {
  const SidKeys keys = keys_of({{"1", kFirst}});
  const std::string sid = keys.issue(kUser);
  EXPECT_TRUE(keys.verify(sid, kUser));
  EXPECT_FALSE(keys.verify(sid, "k3v9x0m2p5q8r1t4w7y0"));
  EXPECT_FALSE(keys.verify(sid, ""));
  EXPECT_FALSE(keys.verify(sid, std::string(kUser) + "x"));
}

TEST(Sid, EachFlippedByteIsRefused) {
  const SidKeys keys = keys_of({{"1", kFirst}});
  const std::string bytes = base64url_decode(keys.issue(kUser)).value_or("");
  ASSERT_EQ(bytes.size(), 28U);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_FALSE(keys.verify(base64url_encode(flipped), kUser)) << i << '.' << bit;
    }
  }
}

TEST(Sid, HasOneTextFormOnly) {
  const SidKeys keys = keys_of({{"1", kFirst}});
  const std::string sid = keys.issue(kUser);
  for (std::size_t n = 0; n < sid.size(); ++n) {
    EXPECT_FALSE(keys.verify(sid.substr(0, n), kUser)) << n;
    EXPECT_FALSE(SidKeys::well_formed(sid.substr(0, n))) << n;
  }
  EXPECT_FALSE(keys.verify(sid + "A", kUser));
  EXPECT_FALSE(keys.verify(sid + "=", kUser));
  int same = 0;  // of the 64 last characters only one stands for these bytes: the four bits past the end must be 0
  for (char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")) {
    std::string other = sid;
    other.back() = c;
    same += keys.verify(other, kUser) ? 1 : 0;
  }
  EXPECT_EQ(same, 1);
}

TEST(Sid, TheFirstKeyMakesAndAllVerify) {
  const std::string old = keys_of({{"1", kFirst}}).issue(kUser);
  const SidKeys both = keys_of({{"2", kSecond}, {"1", kFirst}});
  EXPECT_TRUE(both.verify(old, kUser));
  const SidKeys only_new = keys_of({{"2", kSecond}});
  EXPECT_TRUE(only_new.verify(both.issue(kUser), kUser));
  EXPECT_FALSE(only_new.verify(old, kUser));
}

TEST(Sid, NoTwoAreAlike) {
  const SidKeys keys = keys_of({{"1", kFirst}});
  std::set<std::string> sids;
  for (int i = 0; i < 1'000; ++i) sids.insert(keys.issue(kUser));
  EXPECT_EQ(sids.size(), 1'000U);
}

TEST(Sid, WithoutAGoodKeyThereIsNone) {
  Result<SidKeys> none = SidKeys::make({});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Errc::secret_missing);
  Result<SidKeys> weak = SidKeys::make({{"1", kFirst}, {"0", Secret{std::string(31, 'x')}}});
  ASSERT_FALSE(weak.has_value());
  EXPECT_EQ(weak.error().code, Errc::secret_weak);
}

}  // namespace
}  // namespace gatecast::session
