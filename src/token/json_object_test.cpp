#include "token/json_object.hpp"

#include <gtest/gtest.h>

namespace gatecast::token {
namespace {

TEST(JsonObject, MembersAreSlicesOfTheText) {
  const auto object = JsonObject::parse(
      " {\"a\":\"x\\u0041\\n\", \"b\" : -12 "
      ",\"c\":1.5,\"d\":[1,{\"e\":[]}],\"f\":{\"g\":null},\"h\":true,\"i\":null}\r\n");
  ASSERT_TRUE(object);
  ASSERT_EQ(object->members().size(), 7U);
  EXPECT_EQ(json_string(*object->find("a")), "xA\n");
  EXPECT_EQ(json_integer(*object->find("b")), -12);
  EXPECT_EQ(object->find("c")->kind, JsonKind::real);
  EXPECT_EQ(object->find("d")->raw, "[1,{\"e\":[]}]");
  EXPECT_EQ(object->find("f")->raw, "{\"g\":null}");
  EXPECT_EQ(object->find("h")->kind, JsonKind::boolean);
  EXPECT_EQ(object->find("i")->kind, JsonKind::null);
  EXPECT_EQ(object->find("g"), nullptr);
  EXPECT_TRUE(JsonObject::parse("{}"));
  EXPECT_TRUE(JsonObject::parse("\t{ \n}"));
}

TEST(JsonObject, RefusesWhatIsNotOneObject) {
  for (const std::string_view text : {"",
                                      " ",
                                      "null",
                                      "[]",
                                      "\"a\"",
                                      "1",
                                      "{",
                                      "}",
                                      "{}{}",
                                      "{},",
                                      "{}x",
                                      "{,}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "{\"a\":1 \"b\":2}",
                                      "{\"a\":tru}",
                                      "{\"a\":True}",
                                      "{\"a\":nul}",
                                      "{\"a\":NaN}",
                                      "{\"a\":[1,]}",
                                      "{\"a\":[1}",
                                      "{\"a\":{]}",
                                      "{\"a\":{\"b\":}}",
                                      "{\"a\":{1:2}}",
                                      "{\"a\":01}",
                                      "{\"a\":+1}",
                                      "{\"a\":.5}",
                                      "{\"a\":1.}",
                                      "{\"a\":1e}",
                                      "{\"a\":1e+}",
                                      "{\"a\":-}",
                                      "{\"a\":0x1}",
                                      "{\"a\":\"\\x\"}",
                                      "{\"a\":\"\\u12\"}",
                                      "{\"a\":\"\\u12g4\"}",
                                      "{\"a\":\"\\\"}",
                                      "{\"a\":\"\n\"}",
                                      "{\"a\":\"\t\"}",
                                      "{\"a\":/**/1}",
                                      "\xef\xbb\xbf{}",
                                      "{\"a\":1}\v"}) {
    EXPECT_FALSE(JsonObject::parse(text)) << text;
  }
  EXPECT_FALSE(JsonObject::parse(std::string_view("{}\0", 3)));
  EXPECT_FALSE(JsonObject::parse(std::string_view("{\"a\":\"\0\"}", 9)));
}

TEST(JsonObject, RefusesTheSameMemberTwiceHoweverItIsWritten) {
  EXPECT_FALSE(JsonObject::parse(R"({"exp":1,"exp":1})"));
  EXPECT_FALSE(JsonObject::parse(R"({"exp":1,"e\u0078p":2})"));
  EXPECT_FALSE(JsonObject::parse(R"({"":1,"":2})"));
  EXPECT_TRUE(JsonObject::parse(R"({"exp":1,"Exp":2,"a":{"exp":3}})"));
}

TEST(JsonObject, RefusesWhatIsNoUnicode) {
  for (const std::string_view bytes : {"\x80", "\xc0\xaf", "\xc2", "\xc2\x20", "\xe0\x80\x80", "\xe0\x9f\xbf",
                                       "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                       "\xff", "\\ud800", "\\ud800\\u0041", "\\udc00", "\\ud800x", "\\ud83d\\ud83d"}) {
    EXPECT_FALSE(JsonObject::parse(fmt::format("{{\"a\":\"{}\"}}", bytes))) << bytes;
    EXPECT_FALSE(JsonObject::parse(fmt::format("{{\"{}\":1}}", bytes))) << bytes;
  }
  const auto object = JsonObject::parse("{\"a\":\"\\ud83d\\ude00\\u00e9\\u20ac\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}");
  ASSERT_TRUE(object);
  EXPECT_EQ(json_string(*object->find("a")),
            "\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(JsonObject, BoundsDepthAndMembers) {
  const auto nested = [](std::size_t depth) {  // the object itself is the first level
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(JsonObject::parse(nested(kMaxJsonDepth)));
  EXPECT_FALSE(JsonObject::parse(nested(kMaxJsonDepth + 1)));
  EXPECT_FALSE(JsonObject::parse("{\"a\":" + std::string(100'000, '[')));
  const auto wide = [](std::size_t count) {
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i) text += fmt::format("{}\"m{}\":1", i == 0 ? "" : ",", i);
    return text + "}";
  };
  EXPECT_TRUE(JsonObject::parse(wide(kMaxMembers)));
  EXPECT_FALSE(JsonObject::parse(wide(kMaxMembers + 1)));
}

TEST(JsonObject, IntegersAreWholeAndWithinWhatAllReadersAgreeOn) {
  const auto read = [](std::string_view raw) {
    const std::string text = fmt::format("{{\"n\":{}}}", raw);
    const auto object = JsonObject::parse(text);
    return object ? json_integer(*object->find("n")) : std::nullopt;
  };
  EXPECT_EQ(read("0"), 0);
  EXPECT_EQ(read("-0"), 0);
  EXPECT_EQ(read("9007199254740992"), 9007199254740992);
  EXPECT_EQ(read("-9007199254740992"), -9007199254740992);
  for (const std::string_view bad :
       {"9007199254740993", "-9007199254740993", "9223372036854775807", "9223372036854775808",
        "100000000000000000000000", "1.0", "1e3", "1E0", "\"1\"", "true", "null", "[1]", "{}"}) {
    EXPECT_EQ(read(bad), std::nullopt) << bad;
  }
}

TEST(JsonObject, ReadsArraysOfStringsOnly) {
  const auto read = [](std::string_view raw) {
    const std::string text = fmt::format("{{\"n\":{}}}", raw);
    const auto object = JsonObject::parse(text);
    return object ? json_strings(*object->find("n"), 3) : std::nullopt;
  };
  using Items = std::vector<std::string>;
  EXPECT_EQ(read("[]"), Items{});
  EXPECT_EQ(read("[ \"a\" , \"b]\\\"\" ]"), (Items{"a", "b]\""}));
  EXPECT_EQ(read("[\"a\",\"b\",\"c\"]"), (Items{"a", "b", "c"}));
  for (const std::string_view bad :
       {"\"a\"", "[1]", "[\"a\",1]", "[[\"a\"]]", "[\"a\",null]", "{}", "[\"a\",\"b\",\"c\",\"d\"]"}) {
    EXPECT_EQ(read(bad), std::nullopt) << bad;
  }
}

TEST(JsonObject, WrittenStringsReadBack) {
  std::string text;
  for (int c = 0; c < 128; ++c) text += static_cast<char>(c);
  text += "\xc3\xa9\xf0\x9f\x98\x80";
  std::string json = "{\"a\":";
  append_json_string(json, text);
  json += "}";
  const auto object = JsonObject::parse(json);
  ASSERT_TRUE(object) << json;
  EXPECT_EQ(json_string(*object->find("a")), text);
}

TEST(JsonObject, CutAnywhereItIsRefused) {
  const std::string text = R"({"a":"x\ud83d\ude00","b":[1,-2.5e+3,{"c":null}],"d":true,"é":false})";
  ASSERT_TRUE(JsonObject::parse(text));
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_FALSE(JsonObject::parse(std::string_view(text).substr(0, cut))) << cut;
  }
}

}  // namespace
}  // namespace gatecast::token
