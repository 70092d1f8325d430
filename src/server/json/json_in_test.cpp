#include "server/json/json_in.hpp"

#include <gtest/gtest.h>

namespace gatecast::server {
namespace {

Errc code_of(const auto& result) { return result ? Errc::internal : result.error().code; }

TEST(JsonIn, TakesMembersAsTheyStand) {
  auto in =
      JsonIn::parse(R"({"a":"x\u0041","n":12,"b":true,"data":{"big":12345678901234567890,"e":1e400},"l":["p","q"]})");
  ASSERT_TRUE(in);
  EXPECT_EQ(*in->text("a"), "xA");
  EXPECT_EQ(**in->optional_integer("n"), 12);
  EXPECT_EQ(**in->optional_bool("b"), true);
  EXPECT_EQ(in->raw("data"), R"({"big":12345678901234567890,"e":1e400})");
  EXPECT_EQ(*in->texts("l", 2), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(in->raw("absent"), "");
}

TEST(JsonIn, NamesWhatIsMissingOrOfTheWrongType) {
  auto in = JsonIn::parse(R"({"a":1,"nothing":null,"f":1.5,"l":["p",2],"o":[]})");
  ASSERT_TRUE(in);
  EXPECT_EQ(code_of(in->text("b")), Errc::field_missing);
  EXPECT_EQ(code_of(in->text("nothing")), Errc::field_missing);
  EXPECT_EQ(code_of(in->text("a")), Errc::field_invalid);
  EXPECT_EQ(code_of(in->optional_text("a")), Errc::field_invalid);
  EXPECT_EQ(*in->optional_text("nothing"), "");
  EXPECT_EQ(code_of(in->optional_integer("f")), Errc::field_invalid);
  EXPECT_EQ(code_of(in->optional_bool("a")), Errc::field_invalid);
  EXPECT_EQ(code_of(in->texts("l", 9)), Errc::field_invalid);
  EXPECT_EQ(code_of(in->texts("x", 9)), Errc::field_missing);
  EXPECT_EQ(code_of(in->optional_object("o")), Errc::field_invalid);
}

TEST(JsonIn, TakesNoZeroBytes) {
  auto in = JsonIn::parse(R"({"a":"x\u0000y","l":["p","\u0000"],"data":{"kept":"\u0000"}})");
  ASSERT_TRUE(in);
  EXPECT_EQ(code_of(in->text("a")), Errc::field_invalid);
  EXPECT_EQ(code_of(in->optional_text("a")), Errc::field_invalid);
  EXPECT_EQ(code_of(in->texts("l", 9)), Errc::field_invalid);
  EXPECT_EQ(in->raw("data"), R"({"kept":"\u0000"})");
}

TEST(JsonIn, BoundsArrays) {
  auto in = JsonIn::parse(R"({"l":["a","b","c"],"none":[]})");
  ASSERT_TRUE(in);
  EXPECT_TRUE(in->texts("l", 3));
  EXPECT_EQ(code_of(in->texts("l", 2)), Errc::field_invalid);
  EXPECT_TRUE(in->texts("none", 0)->empty());
}

TEST(JsonIn, RefusesWhatIsNotOneObjectWithDistinctMembers) {
  for (const char* bad : {"", "[]", "1", "null", "{", "{}}", "{} {}", R"({"a":1,"a":2})", R"({"a":1,"\u0061":2})",
                          R"({"a":tru})", R"({"a":1,})", R"({a:1})", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(code_of(JsonIn::parse(bad)), Errc::bad_json) << bad;
  }
}

TEST(JsonIn, RefusesEveryPrefix) {
  const std::string whole = R"({"channel":"a","data":{"x":[1,"\u00e9",null]},"n":-1})";
  ASSERT_TRUE(JsonIn::parse(whole));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) EXPECT_FALSE(JsonIn::parse(whole.substr(0, cut))) << cut;
}

}  // namespace
}  // namespace gatecast::server
