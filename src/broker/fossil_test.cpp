#include "broker/fossil.hpp"

#include <gtest/gtest.h>

#include <random>

namespace gatecast::broker {
namespace {

/// Whether every lead byte has the continuation bytes it announces, and no others are there.
bool whole_characters(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    std::size_t more = lead < 0x80 ? 0 : lead < 0xC0 ? 9 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    for (; more > 0; --more, ++at) {
      if (at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

std::string round_trip(std::string_view base, std::string_view target) {
  const auto delta = fossil_delta(base, target);
  if (delta.empty()) return std::string(target);
  EXPECT_LT(delta.size(), target.size());
  EXPECT_TRUE(whole_characters(delta)) << "a character is cut";
  const auto made = apply_fossil_delta(base, delta);
  EXPECT_TRUE(made.has_value()) << made.error().detail << '\n' << delta;
  return made.value_or(std::string());
}

/// Like the data of applications: members that change and members that stay.
std::string object(int n) {
  return fmt::format(
      R"({{"symbol":"BTC","price":{},"open":64100.25,"high":65002.5,"low":63900,"volume":{},"venue":"Köln – 東京",)"
      R"("book":[[64000,1.5],[63999,2.25],[63998,0.75],[63997,12]],"text":"{}","seq":{}}})",
      64000 + n * 3, 1000 + n, std::string(300, 'x'), n);
}

TEST(Fossil, KnownDelta) {
  // By hand: size 50, copy the first 40, insert ten, and the sum of the big-endian words.
  const std::string base(40, 'a');
  const std::string delta = fossil_delta(base, base + "0123456789");
  EXPECT_EQ(delta.substr(0, 18), "n\nd@0,A:0123456789");
  EXPECT_EQ(delta.back(), ';');
}

TEST(Fossil, ChecksumIsTheSumOfBigEndianWords) {
  // "aaaa" and "b" with three zeros: 0x61616161 + 0x62000000, here in base 64.
  EXPECT_EQ(apply_fossil_delta("", "5\n5:aaaab33OM5X;").value_or(""), "aaaab");
  EXPECT_FALSE(apply_fossil_delta("", "5\n5:aaaac33OM5X;").has_value());
}

TEST(Fossil, SimilarObjectsGiveSmallDeltas) {
  for (int n = 1; n < 200; ++n) {
    const auto delta = fossil_delta(object(n - 1), object(n));
    ASSERT_FALSE(delta.empty()) << n;
    EXPECT_LT(delta.size(), 70u) << delta;
    EXPECT_EQ(apply_fossil_delta(object(n - 1), delta).value_or(""), object(n));
  }
}

TEST(Fossil, WhatMovedIsCopied) {
  std::string a, b;
  for (int i = 0; i < 40; ++i) a += fmt::format("[{},{}],", i * 7919, i);
  b = a.substr(200) + "new" + a.substr(0, 200);
  const auto delta = fossil_delta(a, b);
  EXPECT_LT(delta.size(), 40u);
  EXPECT_EQ(apply_fossil_delta(a, delta).value_or(""), b);
}

TEST(Fossil, NothingWhereTheWholeIsShorter) {
  EXPECT_EQ(fossil_delta("", ""), "");
  EXPECT_EQ(fossil_delta("abc", ""), "");
  EXPECT_EQ(fossil_delta("abc", "abd"), "");
  EXPECT_EQ(fossil_delta("{\"n\":1}", "{\"n\":2}"), "");
  EXPECT_EQ(fossil_delta(std::string(500, 'a'), std::string(500, 'b')), "");
  EXPECT_EQ(fossil_delta("", std::string(500, 'b')), "");
}

TEST(Fossil, EqualTexts) {
  const std::string text(400, 'q');
  const auto delta = fossil_delta(text, text);
  EXPECT_LT(delta.size(), 20u);
  EXPECT_EQ(apply_fossil_delta(text, delta).value_or(""), text);
}

TEST(Fossil, NoCharacterIsCut) {
  // Characters that share bytes at either end: a copy by bytes would stop inside.
  const std::string_view points[] = {"é", "è", "ê", "東", "来", "末", "😀", "😁", "🙀", "a", "ä"};
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string base, target;
    for (int i = 0; i < 60; ++i) base += points[random() % std::size(points)];
    for (std::size_t at = 0; at < base.size();) {
      std::size_t end = at + 1;
      while (end < base.size() && (static_cast<unsigned char>(base[end]) & 0xC0) == 0x80) ++end;
      target += random() % 30 == 0 ? points[random() % std::size(points)] : std::string_view(base).substr(at, end - at);
      at = end;
    }
    ASSERT_EQ(round_trip(base, target), target);
  }
}

TEST(Fossil, RandomTextsOfAllSizes) {
  std::mt19937 random(11);
  const auto text = [&](std::size_t size, unsigned letters) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) out += static_cast<char>('a' + random() % letters);
    return out;
  };
  std::size_t shorter = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string base = text(random() % (round % 50 == 0 ? 20'000 : 400), 1 + random() % 26);
    std::string target = base;
    for (unsigned edits = random() % 6; edits > 0; --edits) {
      const std::size_t at = random() % (target.size() + 1);
      switch (random() % 4) {
        case 0: target.insert(at, text(random() % 40, 26)); break;
        case 1: target.erase(at, random() % 40); break;
        case 2: target.insert(at, target.substr(random() % (target.size() + 1), random() % 100)); break;
        default: target = target.substr(at) + target.substr(0, at);
      }
    }
    const bool smaller = !fossil_delta(base, target).empty();
    shorter += smaller ? 1 : 0;
    ASSERT_EQ(round_trip(base, target), target) << base;
  }
  EXPECT_GT(shorter, 2000u);
}

TEST(Fossil, LongAndRepetitiveTextsTakeLinearTime) {
  // A base of one block over and over, and a target that nearly fits everywhere.
  const std::string base(1u << 20, 'a');
  std::string target;
  while (target.size() + 16 <= base.size()) target += std::string(15, 'a') + 'b';
  EXPECT_EQ(round_trip(base, target), target);
  std::string other = base;
  for (std::size_t i = 0; i < other.size(); i += 97) other[i] = 'c';
  EXPECT_EQ(round_trip(base, other), other);
}

TEST(Fossil, TooLargeGoesWhole) {
  const std::string base(kFossilBytesMax, 'a');
  EXPECT_NE(fossil_delta(base, base), "");
  EXPECT_EQ(fossil_delta(base, base + "a"), "");
  EXPECT_EQ(fossil_delta(base + "a", base), "");
}

TEST(Fossil, DeltasThatAreNone) {
  const std::string base = "0123456789abcdef0123456789abcdef0123456789abcdef";
  const std::string target = base + "xyz" + base;
  const auto good = fossil_delta(base, target);
  ASSERT_EQ(apply_fossil_delta(base, good).value_or(""), target);
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(apply_fossil_delta(base, good.substr(0, cut)).has_value()) << cut;
  }
  for (const char* bad : {"", "\n", "5", "5;", "1\n1:aX;", "1\n2:ab0;", "1\n1@~~,0;", "1\n1@0;", "1\n1#a;", "~~~~~~~\n",
                          "0\n0;0;", "1\n0;", "~~~~~~\n1:a0;", "1\n1@zzzzzz,0;"}) {
    EXPECT_FALSE(apply_fossil_delta(base, bad).has_value()) << bad;
  }
  EXPECT_FALSE(apply_fossil_delta(base.substr(1), good).has_value());
  EXPECT_EQ(apply_fossil_delta(base, "0\n0;").value_or("x"), "");
}

}  // namespace
}  // namespace gatecast::broker
