#include "protocol/json_check.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

namespace gatecast::protocol {
namespace {

std::string nested(unsigned depth) { return std::string(depth, '[') + std::string(depth, ']'); }

const char* const kValid[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-12.5e+3",
    "1E9",
    "0.1",
    "\"\"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
    "\"\x7f\"",
    "[]",
    "{}",
    " [ ] ",
    "\t{ \n}\r\n",
    "[1,2,3]",
    "[1 , [2] , {\"a\" : [ ] } ]",
    "{\"a\":{\"b\":{\"c\":null}}}",
    "{\"a\":1,\"a\":2}",
    "{\"\":\"\"}",
    "[[],[[]],{},{\"a\":[{}]}]",
    "\"eight bytes and then some more of them\"",
};

const char* const kInvalid[] = {
    "",        " ",        "tru",        "truex",     "nul",         "True",           "01",        "-",        "+1",
    ".5",      "1.",       "1.e3",       "1e",        "1e+",         "0x10",           "NaN",       "Infinity", "\"",
    "\"a",     "\"\\\"",   "\"\\x\"",    "\"\\u12\"", "\"\\u12g4\"", "\"\n\"",         "\"\t\"",    "'a'",      "[",
    "]",       "[1",       "[1,",        "[1,]",      "[,1]",        "[1 2]",          "[1}",       "{",        "}",
    "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",       "{a:1}",       "{\"a\" 1}",      "{\"a\":1]", "{1:2}",    "1 2",
    "{}{}",    "[] x",     "// c\n1",    "[1]/**/",   "{\"a\":tru}", "\"12345678\n\"", "\"a\0b\"",
};

// Texts that are valid by RFC 8259 though simdjson's DOM refuses them: no value of its types fits.
const char* const kBeyondDom[] = {
    "123456789012345678901234567890",
    "[18446744073709551616]",
    "1e400",
    "-1e400",
    "\"\\ud83d\"",
    "\"\\ude00 x\"",
    "\"\\ud83d\\n\"",
};

TEST(JsonCheck, TakesWhatTheGrammarHas) {
  for (const std::string_view json : kValid) EXPECT_TRUE(valid_json(json)) << json;
  for (const std::string_view json : kBeyondDom) EXPECT_TRUE(valid_json(json)) << json;
}

TEST(JsonCheck, RefusesTheRest) {
  for (const std::string_view json : kInvalid) EXPECT_FALSE(valid_json(json)) << json;
  EXPECT_FALSE(valid_json(std::string_view("\"a\0b\"", 5)));
  EXPECT_FALSE(valid_json(std::string_view("[1]\0", 4)));
}

TEST(JsonCheck, AgreesWithSimdjson) {
  simdjson::dom::parser parser;
  const auto theirs = [&](std::string_view json) {
    return parser.parse(simdjson::padded_string(json)).error() == simdjson::SUCCESS;
  };
  for (const char* json : kValid) EXPECT_TRUE(theirs(json)) << json;
  for (const char* json : kInvalid) EXPECT_FALSE(theirs(json)) << json;
  // Every text with one byte replaced by one that matters: the same verdict, or a known difference.
  for (const char* json : kValid) {
    for (std::size_t i = 0; json[i] != '\0'; ++i) {
      for (const char c : std::string_view("\"\\{}[],:0-e.tn \n\x01\xff")) {
        std::string changed = json;
        changed[i] = c;
        EXPECT_EQ(valid_json(changed), theirs(changed)) << changed;
      }
    }
  }
}

TEST(JsonCheck, CutAtEveryPosition) {
  const std::string_view json = "{\"a\":[1.5e3,\"\\u00e9\xc3\xa9\",true,{\"b\":null}],\"c\":\"0123456789abcdef\"}";
  ASSERT_TRUE(valid_json(json));
  for (std::size_t n = 0; n < json.size(); ++n) {
    // A copy of exactly that size, so that reading on is seen.
    const std::vector<char> cut(json.begin(), json.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(valid_json({cut.data(), n})) << n;
  }
}

TEST(JsonCheck, StringsStopAtEveryPlaceInAWord) {
  for (std::size_t n = 0; n < 40; ++n) {
    const std::string fill(n, 'x');
    EXPECT_TRUE(valid_json("\"" + fill + "\""));
    EXPECT_TRUE(valid_json("\"" + fill + "\xc3\xbf\\\"" + fill + "\""));
    EXPECT_FALSE(valid_json("\"" + fill + "\x1f" + fill + "\""));
    EXPECT_FALSE(valid_json("\"" + fill + "\\"));
  }
}

TEST(JsonCheck, RefusesInvalidUtf8) {
  for (const std::string_view bytes :
       {"\"\xff\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\""}) {
    EXPECT_FALSE(valid_json(bytes));
  }
}

TEST(JsonCheck, NestsThirtyTwoDeep) {
  EXPECT_TRUE(valid_json(nested(kMaxJsonDepth)));
  EXPECT_FALSE(valid_json(nested(kMaxJsonDepth + 1)));
  EXPECT_FALSE(valid_json(std::string(1'000'000, '[')));
  // Objects and arrays close what they opened at every depth.
  std::string mixed;
  for (unsigned i = 0; i < kMaxJsonDepth / 2; ++i) mixed += "[{\"a\":";
  mixed += "1";
  for (unsigned i = 0; i < kMaxJsonDepth / 2; ++i) mixed += "}]";
  EXPECT_TRUE(valid_json(mixed));
  mixed[mixed.size() - 1] = '}';
  EXPECT_FALSE(valid_json(mixed));
}

TEST(JsonCheck, FindsAReservedMemberHoweverWritten) {
  EXPECT_TRUE(has_top_level_member(R"({"gatecast":1})", "gatecast"));
  EXPECT_TRUE(has_top_level_member(R"( {"a":{"b":[]},"gatecast":{"type":"x"}})", "gatecast"));
  EXPECT_TRUE(has_top_level_member(R"({"\u0067atecast":1})", "gatecast"));
  EXPECT_TRUE(has_top_level_member(R"({"\u0067\u0061\u0074\u0065\u0063\u0061\u0073\u0074":1})", "gatecast"));
  EXPECT_FALSE(has_top_level_member(R"({"a":{"gatecast":1}})", "gatecast"));
  EXPECT_FALSE(has_top_level_member(R"([{"gatecast":1}])", "gatecast"));
  EXPECT_FALSE(has_top_level_member(R"({"Gatecast":1,"gatecasts":2,"gatecas":3})", "gatecast"));
  EXPECT_FALSE(has_top_level_member(R"("gatecast")", "gatecast"));
  EXPECT_FALSE(has_top_level_member("", "gatecast"));
}

TEST(JsonCheck, CompactsOnlyRawLineEnds) {
  std::string scratch;
  const std::string_view plain = R"({"a":"x\ny"})";
  EXPECT_EQ(compact_newlines(plain, scratch).data(), plain.data());
  EXPECT_EQ(compact_newlines("{\r\n \"a\":\n1\n}", scratch), "{ \"a\":1}");
}

}  // namespace
}  // namespace gatecast::protocol
