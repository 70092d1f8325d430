#include "core/text_form.hpp"

#include <gtest/gtest.h>

namespace gatecast {
namespace {

using namespace std::string_literals;

struct Pair {
  std::string bytes;
  std::string text;
};

std::string every_byte() {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  return all;
}

// Deterministic bytes of any length, with runs of zeros in them.
std::string bytes_of(std::size_t length, std::uint32_t seed) {
  std::string out;
  for (std::size_t i = 0; i < length; ++i) {
    seed = seed * 1664525U + 1013904223U;
    out.push_back((seed >> 30) == 0 ? '\0' : static_cast<char>(seed >> 24));
  }
  return out;
}

TEST(Hex, EncodesLowerCaseAndReadsBoth) {
  EXPECT_EQ(hex_encode(""), "");
  EXPECT_EQ(hex_encode("foobar"), "666f6f626172");
  EXPECT_EQ(hex_encode("\x00\xff\x7f\x80"s), "00ff7f80");
  EXPECT_EQ(hex_decode("00FF7f80"), "\x00\xff\x7f\x80"s);
  EXPECT_EQ(hex_decode("abcdefABCDEF"), "\xab\xcd\xef\xab\xcd\xef"s);
  EXPECT_EQ(hex_decode(""), "");
}

TEST(Hex, RefusesAnythingElse) {
  for (const char* text : {"0", "000", "0g", "G0", "0x00", " 00", "00 ", "0 ", "-1", "0:", "@0", "`0", "\xc3\xa4"}) {
    EXPECT_EQ(hex_decode(text), std::nullopt) << text;
  }
}

const Pair kBase64Vectors[] = {
    // RFC 4648 section 10
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    // section 9, and the two digits in which the alphabets differ
    {"\x14\xfb\x9c\x03\xd9\x7e"s, "FPucA9l+"},
    {"\x14\xfb\x9c\x03\xd9"s, "FPucA9k="},
    {"\x14\xfb\x9c\x03"s, "FPucAw=="},
    {"\xff\xef\xbe"s, "/+++"},
    {"\x00\x00\x00"s, "AAAA"},
};

TEST(Base64, MatchesRfc4648) {
  for (const auto& v : kBase64Vectors) {
    EXPECT_EQ(base64_encode(v.bytes), v.text);
    EXPECT_EQ(base64_decode(v.text), v.bytes) << v.text;
  }
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  const std::string refused[] = {
      "Zg",       "Zg=",      "Zm8",    "Zm9vYg",   "Zg===",     "=",       "==",    "===",
      "====",     "Z===",     "Zm9v=",  "Zm9v====", "Zg==Zg==",  "Zg=a",    "Z=g=",  " Zg==",
      "Zg== ",    "Zg==\n",   "Zm\n9v", "Zm9v\r\n", "Zh==",      "Zv==",    "Zm9=",  "Zm+=",
      "FPucA9l-", "FPucA9l_", "Zm9*",   "Zm9v\0"s,  "\0\0\0\0"s, "Zm9\xff", "Zm9vZ",
  };
  for (const auto& text : refused) EXPECT_EQ(base64_decode(text), std::nullopt) << text;
}

TEST(Base64Url, MatchesRfc4648WithoutPadding) {
  for (const auto& v : kBase64Vectors) {
    std::string text = v.text;
    while (text.ends_with('=')) text.pop_back();
    for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
    EXPECT_EQ(base64url_encode(v.bytes), text);
    EXPECT_EQ(base64url_decode(text), v.bytes) << text;
  }
}

TEST(Base64Url, RefusesPaddingOtherAlphabetAndTrailingBits) {
  const std::string refused[] = {
      "Zg==", "Zm8=", "=",   "Z",      "Zm9vY", "FPucA9l+", "FPucA9l/", "Zh",    "Zv",
      "Zm9",  " Zg",  "Zg ", "Zm9v\n", "Zm.9",  "Zg\0"s,    "\xff\xff", "Zm9vZ",
  };
  for (const auto& text : refused) EXPECT_EQ(base64url_decode(text), std::nullopt) << text;
}

TEST(Base64Url, ExactlyOneLastCharacterOfEachKindIsCanonical) {
  // One byte is two characters, of which the last carries 2 bits of it and 4 that must be zero.
  std::size_t accepted = 0;
  for (int c = 0; c < 256; ++c) {
    if (base64url_decode("A"s + static_cast<char>(c))) ++accepted;
  }
  EXPECT_EQ(accepted, 4U);
}

TEST(Base58, MatchesKnownPairs) {
  const Pair vectors[] = {
      {"", ""},
      {"\0"s, "1"},
      {"\0\0\0"s, "111"},
      {"\x39", "z"},
      {"\x3a", "21"},
      {"Hello World!", "2NEpo7TZRRrLZSi2U"},
      {"The quick brown fox jumps over the lazy dog.", "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"},
      {"\x00\x00\x28\x7f\xb4\xcd"s, "11233QC4"},
      {std::string(32, '\0'), std::string(32, '1')},
      {std::string(32, '\xff'), "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"},
  };
  for (const auto& v : vectors) {
    EXPECT_EQ(base58_encode(v.bytes), v.text);
    EXPECT_EQ(base58_decode(v.text), v.bytes) << v.text;
  }
}

TEST(Base58, RefusesCharactersOutsideTheAlphabet) {
  std::size_t accepted = 0;
  for (int c = 0; c < 256; ++c) {
    if (base58_decode("2"s + static_cast<char>(c))) ++accepted;
  }
  EXPECT_EQ(accepted, 58U);
  for (const char* text : {"0", "O", "I", "l", "1O", " 1", "1 ", "1\n", "2NEpo7TZRRrLZSi2U=", "+", "/"}) {
    EXPECT_EQ(base58_decode(text), std::nullopt) << text;
  }
}

TEST(Base58, InputIsBounded) {
  EXPECT_EQ(base58_decode(std::string(128, '1')), std::string(128, '\0'));
  EXPECT_TRUE(base58_decode(std::string(128, 'z')));
  EXPECT_EQ(base58_decode(std::string(129, '1')), std::nullopt);
}

TEST(TextForms, RoundTripEveryLength) {
  for (std::size_t length = 0; length <= 88; ++length) {
    for (std::uint32_t seed = 1; seed <= 4; ++seed) {
      const std::string bytes = bytes_of(length, seed * 977U);
      EXPECT_EQ(hex_decode(hex_encode(bytes)), bytes);
      EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
      EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
      EXPECT_EQ(base58_decode(base58_encode(bytes)), bytes);
    }
  }
  EXPECT_EQ(hex_decode(hex_encode(every_byte())), every_byte());
  EXPECT_EQ(base64_decode(base64_encode(every_byte())), every_byte());
  EXPECT_EQ(base64url_decode(base64url_encode(every_byte())), every_byte());
}

// Whatever a decoder accepts is the one text of those bytes; a cut text is refused or stands for other bytes.
template <class Encode, class Decode>
void cut_everywhere(Encode encode, Decode decode) {
  for (std::size_t length = 60; length <= 64; ++length) {
    const std::string bytes = bytes_of(length, 5);
    const std::string text = encode(bytes);
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
      for (const std::string& part : {text.substr(0, cut), text.substr(cut + 1)}) {
        const std::optional<std::string> out = decode(part);
        if (!out) continue;
        EXPECT_EQ(encode(*out), part);
        EXPECT_NE(*out, bytes) << part;
      }
    }
  }
}

TEST(TextForms, CutAnywhereIsRefusedOrCanonical) {
  cut_everywhere(base64_encode, base64_decode);
  cut_everywhere(base64url_encode, base64url_decode);
  cut_everywhere(base58_encode, base58_decode);
}

}  // namespace
}  // namespace gatecast
