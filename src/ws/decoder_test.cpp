#include "ws/decoder.hpp"

#include <gtest/gtest.h>

#include "ws/transcript.hpp"
#include "ws/utf8.hpp"

namespace gatecast::ws {
namespace {

const Limits kLimits{};

using Lines = std::vector<std::string>;

TEST(Unmask, AgreesWithTheDefinitionForEverySizeAndPhase) {
  const unsigned char key_bytes[4] = {0x37, 0xfa, 0x21, 0x3d};
  std::uint32_t key = 0;
  std::memcpy(&key, key_bytes, sizeof key);
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t phase = 0; phase < 5; ++phase) {
      std::string data;
      for (std::size_t i = 0; i < size; ++i) data.push_back(static_cast<char>(i * 7));
      std::string expected = data;
      for (std::size_t i = 0; i < size; ++i) expected[i] = static_cast<char>(expected[i] ^ key_bytes[(i + phase) % 4]);
      unmask(data, key, phase);
      ASSERT_EQ(data, expected) << size << " " << phase;
    }
  }
}

TEST(Decoder, HandsOutAWholeFrameInPlace) {
  std::string bytes = client_frame(0x81, "Hello") + client_frame(0x82, "World");
  std::span<char> input(bytes);
  Decoder decoder(kLimits);
  const auto first = decoder.next(input);
  ASSERT_TRUE(first);
  EXPECT_EQ(describe(*first), "text \"Hello\"");
  EXPECT_EQ(first->payload.data(), bytes.data() + 6);
  EXPECT_FALSE(decoder.partial());
  EXPECT_EQ(input.size(), 11u);
  const auto second = decoder.next(input);
  ASSERT_TRUE(second);
  EXPECT_EQ(describe(*second), "binary \"World\"");
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(decoder.next(input)->kind, Event::Kind::need_more);
}

TEST(Decoder, KeepsABufferOnlyWhileAMessageIsUnfinished) {
  std::string bytes = client_frame(0x01, "Hel") + client_frame(0x80, "lo");
  Decoder decoder(kLimits);
  std::span<char> input(bytes.data(), bytes.size() - 1);
  EXPECT_EQ(decoder.next(input)->kind, Event::Kind::need_more);
  EXPECT_TRUE(input.empty());
  EXPECT_TRUE(decoder.partial());
  input = std::span<char>(bytes).last(1);
  EXPECT_EQ(describe(*decoder.next(input)), "text \"Hello\"");
  EXPECT_EQ(decoder.next(input)->kind, Event::Kind::need_more);
  EXPECT_FALSE(decoder.partial());
}

TEST(Decoder, PaddingBehindAPutTogetherPayloadIsReadable) {
  // Two appends of the same size leave a string without spare room.
  std::string bytes = client_frame(0x01, std::string(100, 'a')) + client_frame(0x80, std::string(100, 'b'));
  Decoder decoder(kLimits);
  std::span<char> input(bytes);
  const auto event = decoder.next(input);
  ASSERT_TRUE(event);
  ASSERT_EQ(event->payload.size(), 200u);
  volatile char read = 0;  // the address sanitizer is the judge
  for (std::size_t i = 0; i < Decoder::kPaddingBytes; ++i) read = event->payload.data()[event->payload.size() + i];
  (void)read;
}

TEST(Decoder, RefusesAnOversizeFrameByItsHeaderAlone) {
  std::string bytes = client_frame(0x82, std::string(65537, 'a')).substr(0, 10);
  Decoder decoder(kLimits);
  std::span<char> input(bytes);
  const auto event = decoder.next(input);
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, Errc::ws_too_big);
  EXPECT_FALSE(decoder.partial());
}

TEST(Decoder, CountsFragmentsTogether) {
  const Limits limits{.message_bytes = 10};
  const Lines expected{"error ws_too_big: message over the limit"};
  EXPECT_EQ(transcript(client_frame(0x02, "123456") + client_frame(0x80, "78901"), {}, limits), expected);
  EXPECT_EQ(transcript(client_frame(0x02, "123456") + client_frame(0x80, "7890"), {}, limits),
            Lines{"binary \"1234567890\""});
}

TEST(Decoder, BoundsTheNumberOfFragments) {
  const Limits limits{.fragments = 3};
  const std::string begin = client_frame(0x01, "a") + client_frame(0x00, "");
  EXPECT_EQ(transcript(begin + client_frame(0x80, "b"), {}, limits), Lines{"text \"ab\""});
  EXPECT_EQ(transcript(begin + client_frame(0x00, "") + client_frame(0x80, "b"), {}, limits),
            Lines{"error ws_too_big: too many fragments"});
  // The count begins anew with each message.
  EXPECT_EQ(transcript(begin + client_frame(0x80, "b") + begin + client_frame(0x80, "c"), {}, limits),
            (Lines{"text \"ab\"", "text \"ac\""}));
}

TEST(Decoder, StaysFailedAfterAnError) {
  std::string bytes = client_frame(0x83, "x") + client_frame(0x81, "y");
  Decoder decoder(kLimits);
  std::span<char> input(bytes);
  ASSERT_FALSE(decoder.next(input));
  const auto again = decoder.next(input);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::ws_protocol);
}

TEST(Decoder, DropsWhatFollowsAClose) {
  std::string bytes = client_frame(0x88, "\x03\xe8") + client_frame(0x81, "late") + "\xFF garbage";
  Decoder decoder(kLimits);
  std::span<char> input(bytes);
  EXPECT_EQ(describe(*decoder.next(input)), "close 1000 \"\"");
  EXPECT_EQ(decoder.next(input)->kind, Event::Kind::need_more);
  EXPECT_TRUE(input.empty());
}

TEST(Decoder, JudgesEveryCloseCode) {
  for (unsigned code = 0; code < 65536; ++code) {
    const bool standard = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
    const bool application = code >= 3000 && code <= 4999;
    std::string bytes = client_frame(0x88, std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)});
    Decoder decoder(kLimits);
    std::span<char> input(bytes);
    const auto event = decoder.next(input);
    ASSERT_EQ(event.has_value(), standard || application) << code;
    if (event) {
      ASSERT_EQ(event->close_code, code);
    }
  }
}

TEST(Decoder, IdenticalEventsForEveryPairOfCuts) {
  const std::string bytes = client_frame(0x01, "\xE2\x82") + client_frame(0x89, "p") + client_frame(0x00, "\xAC") +
                            client_frame(0x80, "") + client_frame(0x81, "x") + client_frame(0x88, "\x0f\xa1off");
  const Lines expected{"ping \"p\"", "text \"\\xe2\\x82\\xac\"", "text \"x\"", "close 4001 \"off\""};
  for (std::size_t a = 0; a <= bytes.size(); ++a) {
    for (std::size_t b = a; b <= bytes.size(); ++b)
      ASSERT_EQ(transcript(bytes, {a, b}, kLimits), expected) << a << " " << b;
  }
}

TEST(Decoder, EveryFirstTwoBytesAreJudgedAlikeHoweverTheyArrive) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      std::string bytes{static_cast<char>(first), static_cast<char>(second)};
      bytes += std::string(24, '\0');
      const auto whole = transcript(bytes, {}, kLimits);
      ASSERT_EQ(transcript(bytes, {1}, kLimits), whole) << first << " " << second;
      ASSERT_EQ(transcript(bytes, {1, 2, 3, 5}, kLimits), whole) << first << " " << second;
    }
  }
}

}  // namespace
}  // namespace gatecast::ws
