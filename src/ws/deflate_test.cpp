#include "ws/deflate.hpp"

#include <gtest/gtest.h>

#include <random>

#include "core/text_form.hpp"

namespace gatecast::ws {
namespace {

constexpr std::string_view kAnswer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

TEST(DeflateOffers, TheFirstThatCanBeMetIsTaken) {
  const struct {
    std::string_view offers;
    std::string_view answer;
  } cases[] = {
      {"permessage-deflate", kAnswer},
      {"permessage-deflate; client_max_window_bits", kAnswer},
      {"permessage-deflate;client_max_window_bits=10", kAnswer},
      {"permessage-deflate; client_max_window_bits=\"10\"", kAnswer},
      {"permessage-deflate ; server_no_context_takeover ; client_no_context_takeover", kAnswer},
      {"x-other, permessage-deflate", kAnswer},
      {"permessage-deflate; server_max_window_bits=10, permessage-deflate", kAnswer},
      {"permessage-deflate; server_max_window_bits=15",
       "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"},
      {"", ""},
      {"x-webkit-deflate-frame", ""},
      {"permessage-deflate; server_max_window_bits=10", ""},
      {"permessage-deflate; server_max_window_bits", ""},
      {"permessage-deflate; server_max_window_bits=015", ""},
      {"permessage-deflate; client_max_window_bits=7", ""},
      {"permessage-deflate; client_max_window_bits=16", ""},
      {"permessage-deflate; client_max_window_bits=", ""},
      {"permessage-deflate; client_max_window_bits=8", kAnswer},
      {"permessage-deflate; client_max_window_bits=15", kAnswer},
      {"permessage-deflate; client_max_window_bits=08", ""},
      {"permessage-deflate; client_max_window_bits=+8", ""},
      {"permessage-deflate; client_max_window_bits=8 9", ""},
      {"permessage-deflate; client_max_window_bits=\"", ""},
      {"permessage-deflate; client_max_window_bits; client_max_window_bits=9", ""},
      {"permessage-deflate; server_max_window_bits=8", ""},
      {"permessage-deflate; server_max_window_bits=14", ""},
      {"permessage-deflate; server_max_window_bits=16", ""},
      {"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15", ""},
      {"permessage-deflate; server_max_window_bits=\"15\"; client_max_window_bits",
       "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"},
      {"permessage-deflate; client_no_context_takeover=true", ""},
      {"permessage-deflate; =15", ""},
      {"permessage-deflate; unknown", ""},
      {"permessage-deflate; server_no_context_takeover=1", ""},
      {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", ""},
      {"Permessage-Deflate", ""},
      {";", ""},
      {",,,", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(choose_deflate(c.offers).value_or(""), c.answer) << c.offers;
}

std::string deflated(std::string_view message) {
  std::string out;
  append_deflated(out, message);
  return out;
}

// RFC 7692 §7.2.3.1 to §7.2.3.5: "Hello" in five ways, and twice.
TEST(Deflate, ExamplesOfTheStandard) {
  for (const char* hex :
       {"f248cdc9c90700", "000500faff48656c6c6f00", "f348cdc9c9070000", "f248050000 00ffffcac9c90700"}) {
    std::string digits(hex);
    std::erase(digits, ' ');
    const auto message = inflated(*hex_decode(digits), 100);
    ASSERT_TRUE(message.has_value()) << hex << " " << message.error().detail;
    EXPECT_EQ(*message, "Hello") << hex;
  }
  EXPECT_EQ(hex_encode(deflated("Hello")), "f248cdc9c90700");
}

TEST(Deflate, ComesBackWhole) {
  std::mt19937 random(1);
  for (std::size_t size : {0u, 1u, 255u, 256u, 4096u, 65'535u, 65'536u, 300'000u}) {
    std::string text(size, 'a'), noise(size, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    for (const std::string& message : {text, noise}) {
      const auto back = inflated(deflated(message), size);
      ASSERT_TRUE(back.has_value()) << size;
      EXPECT_EQ(*back, message);
    }
  }
}

TEST(Deflate, NothingIsTakenOverFromOneMessageToTheNext) {
  const std::string first = deflated("the same text, the same text");
  deflated(std::string(1000, 'x'));
  EXPECT_EQ(deflated("the same text, the same text"), first);
  EXPECT_FALSE(inflated("\xff\xff\xff", 100).has_value());
  EXPECT_EQ(*inflated(first, 100), "the same text, the same text");
}

TEST(Deflate, IsBoundedByWhatComesOut) {
  const std::string bomb = deflated(std::string(1'000'000, 'a'));
  EXPECT_LT(bomb.size(), 6000U);
  EXPECT_EQ(inflated(bomb, 999'999).error().code, Errc::ws_too_big);
  EXPECT_EQ(inflated(bomb, 100).error().code, Errc::ws_too_big);
  EXPECT_EQ(inflated(bomb, 0).error().code, Errc::ws_too_big);
  EXPECT_TRUE(inflated(bomb, 1'000'000).has_value());
}

TEST(Deflate, JunkIsRefusedOrBounded) {
  std::mt19937 random(7);
  int refused = 0;
  for (int n = 0; n < 20'000; ++n) {
    std::string junk(random() % 40, '\0');
    for (char& c : junk) c = static_cast<char>(random());
    const auto message = inflated(junk, 1000);
    if (message) EXPECT_LE(message->size(), 1000U);
    refused += message.has_value() ? 0 : 1;
  }
  EXPECT_GT(refused, 10'000);
}

TEST(Deflate, CutPayloadsDoNotCrash) {
  const std::string whole = deflated(R"({"push":{"channel":"news:1","pub":{"data":{"text":"hello"}}}})");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const auto message = inflated(std::string_view(whole).substr(0, cut), 1000);
    if (message) EXPECT_LE(message->size(), 61U);
  }
}

}  // namespace
}  // namespace gatecast::ws
