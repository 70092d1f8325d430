#include "protocol/tags_filter.hpp"

#include <gtest/gtest.h>

namespace gatecast::protocol {
namespace {

const TagList kTags = {{"ticker", "AAPL"},
                       {"source", "NASDAQ"},
                       {"price", "150.25"},
                       {"volume", "1000"},
                       {"empty", ""},
                       {"word", "12x"},
                       {"big", "123456789012345678901234567890.5"}};

std::optional<bool> fits(std::string_view json, const TagList& tags = kTags) {
  const auto filter = TagsFilter::parse(json);
  if (!filter) {
    EXPECT_EQ(filter.error().code, Errc::bad_request);
    return std::nullopt;
  }
  return filter->matches(tags);
}

struct Case {
  std::string_view json;
  bool fits;
};

TEST(TagsFilter, Comparisons) {
  for (const auto& [json, want] : std::initializer_list<Case>{
           {R"({"key":"ticker","cmp":"eq","val":"AAPL"})", true},
           {R"({"key":"ticker","cmp":"eq","val":"aapl"})", false},
           {R"({"key":"none","cmp":"eq","val":"AAPL"})", false},
           {R"({"key":"ticker","cmp":"neq","val":"MSFT"})", true},
           {R"({"key":"ticker","cmp":"neq","val":"AAPL"})", false},
           {R"({"key":"none","cmp":"neq","val":"AAPL"})", true},
           {R"({"key":"ticker","cmp":"in","vals":["MSFT","AAPL"]})", true},
           {R"({"key":"ticker","cmp":"in","vals":["MSFT","GOOG"]})", false},
           {R"({"key":"none","cmp":"in","vals":["MSFT"]})", false},
           {R"({"key":"none","cmp":"in","vals":[""]})", true},
           {R"({"key":"ticker","cmp":"nin","vals":["MSFT","GOOG"]})", true},
           {R"({"key":"ticker","cmp":"nin","vals":["AAPL"]})", false},
           {R"({"key":"none","cmp":"nin","vals":["AAPL"]})", true},
           {R"({"key":"none","cmp":"nin","vals":["AAPL",""]})", false},
           {R"({"key":"price","cmp":"ex"})", true},
           {R"({"key":"empty","cmp":"ex"})", true},
           {R"({"key":"none","cmp":"ex"})", false},
           {R"({"key":"none","cmp":"nex"})", true},
           {R"({"key":"empty","cmp":"nex"})", false},
           {R"({"key":"ticker","cmp":"sw","val":"AA"})", true},
           {R"({"key":"ticker","cmp":"sw","val":"PL"})", false},
           {R"({"key":"source","cmp":"ew","val":"DAQ"})", true},
           {R"({"key":"source","cmp":"ew","val":"NAS"})", false},
           {R"({"key":"source","cmp":"ct","val":"SDA"})", true},
           {R"({"key":"source","cmp":"ct","val":"SAD"})", false},
           {R"({"key":"empty","cmp":"ct","val":"x"})", false},
           {R"({"key":"none","cmp":"ct","val":"x"})", false},
           {R"({"key":"price","cmp":"gt","val":"100"})", true},
           {R"({"key":"price","cmp":"gt","val":"150.25"})", false},
           {R"({"key":"price","cmp":"gt","val":"1000"})", false},
           {R"({"key":"volume","cmp":"gte","val":"1000.0"})", true},
           {R"({"key":"volume","cmp":"gte","val":"1000.01"})", false},
           {R"({"key":"price","cmp":"lt","val":"150.3"})", true},
           {R"({"key":"price","cmp":"lt","val":"-150.3"})", false},
           {R"({"key":"volume","cmp":"lte","val":"+001000"})", true},
           {R"({"key":"volume","cmp":"lte","val":"999"})", false},
           {R"({"key":"big","cmp":"gt","val":"123456789012345678901234567890.4"})", true},
           {R"({"key":"big","cmp":"gt","val":"123456789012345678901234567890.51"})", false},
           {R"({"key":"word","cmp":"gt","val":"0"})", false},
           {R"({"key":"word","cmp":"lt","val":"0"})", false},
           {R"({"key":"empty","cmp":"lte","val":"0"})", false},
           {R"({"key":"none","cmp":"gte","val":"0"})", false},
       }) {
    EXPECT_EQ(fits(json), want) << json;
  }
}

TEST(TagsFilter, Trees) {
  const std::string yes = R"({"key":"ticker","cmp":"ex"})", no = R"({"key":"ticker","cmp":"nex"})";
  const auto tree = [](std::string_view op, std::initializer_list<std::string_view> nodes) {
    std::string all;
    for (const auto n : nodes) all += (all.empty() ? "" : " , ") + std::string(n);
    return fmt::format(R"({{ "op" : "{}" , "nodes" : [ {} ] }})", op, all);
  };
  EXPECT_EQ(fits(tree("and", {yes, yes})), true);
  EXPECT_EQ(fits(tree("and", {yes, no})), false);
  EXPECT_EQ(fits(tree("and", {no, yes})), false);
  EXPECT_EQ(fits(tree("or", {no, yes})), true);
  EXPECT_EQ(fits(tree("or", {no, no})), false);
  EXPECT_EQ(fits(tree("not", {no})), true);
  EXPECT_EQ(fits(tree("not", {yes})), false);
  EXPECT_EQ(fits(tree("and", {tree("or", {no, tree("not", {no})}), tree("or", {yes, no}), yes})), true);
  EXPECT_EQ(fits(tree("or", {tree("and", {yes, yes, no}), tree("not", {tree("or", {no, yes})}), no})), false);
  EXPECT_EQ(fits(tree("or", {tree("and", {yes, yes, no}), tree("not", {tree("or", {no, no})}), no})), true);
}

TEST(TagsFilter, WhatIsNone) {
  for (const std::string_view json : {
           R"({})",
           R"({"key":"a"})",
           R"({"cmp":"eq","val":"x"})",
           R"({"key":"","cmp":"eq","val":"x"})",
           R"({"key":"a","cmp":"EQ","val":"x"})",
           R"({"key":"a","cmp":"","val":"x"})",
           R"({"key":"a","cmp":"eq"})",
           R"({"key":"a","cmp":"eq","val":""})",
           R"({"key":"a","cmp":"eq","vals":["x"]})",
           R"({"key":"a","cmp":"eq","val":"x","vals":["x"]})",
           R"({"key":"a","cmp":"eq","val":1})",
           R"({"key":1,"cmp":"eq","val":"1"})",
           R"({"key":"a","cmp":"in","val":"x"})",
           R"({"key":"a","cmp":"in","vals":[]})",
           R"({"key":"a","cmp":"in","vals":"x"})",
           R"({"key":"a","cmp":"in","vals":["x",1]})",
           R"({"key":"a","cmp":"nin","vals":["x"],"val":"x"})",
           R"({"key":"a","cmp":"ex","val":"x"})",
           R"({"key":"a","cmp":"nex","vals":["x"]})",
           R"({"key":"a","cmp":"gt","val":"x"})",
           R"({"key":"a","cmp":"lt","val":"1e5"})",
           R"({"key":"a","cmp":"lt","val":"1."})",
           R"({"key":"a","cmp":"lt","val":".5"})",
           R"({"key":"a","cmp":"lt","val":"-"})",
           R"({"key":"a","cmp":"lt","val":"0x1"})",
           R"({"op":"xor","nodes":[{"key":"a","cmp":"ex"}]})",
           R"({"op":"and"})",
           R"({"op":"and","nodes":[]})",
           R"({"op":"or","nodes":[]})",
           R"({"op":"not","nodes":[]})",
           R"({"op":"not","nodes":[{"key":"a","cmp":"ex"},{"key":"b","cmp":"ex"}]})",
           R"({"op":"and","nodes":{}})",
           R"({"op":"and","nodes":[1]})",
           R"({"op":"and","nodes":[null]})",
           R"({"op":"and","nodes":[{}]})",
           R"({"op":"and","key":"a","nodes":[{"key":"a","cmp":"ex"}]})",
           R"({"key":"a","cmp":"ex","nodes":[{"key":"a","cmp":"ex"}]})",
           R"({"key":"a","key":"a","cmp":"ex"})",
           R"({"key":"\ud800","cmp":"ex"})",
           R"([])",
           R"("x")",
           R"(null)",
       }) {
    EXPECT_EQ(fits(json), std::nullopt) << json;
  }
}

TEST(TagsFilter, AsProtobufSpeakersWriteIt) {
  // Members that are empty or null are as if they were not there; unknown ones are passed over.
  EXPECT_EQ(fits(R"({"op":"","key":"ticker","cmp":"ex","val":"","vals":[],"nodes":[],"other":{"op":1}})"), true);
  EXPECT_EQ(fits(R"({"op":"and","key":"","cmp":"","val":null,"vals":null,"nodes":[{"key":"ticker","cmp":"ex"}]})"),
            true);
}

TEST(TagsFilter, EscapesAreTexts) {
  EXPECT_EQ(fits(R"({"key":"\u0074icker","cmp":"eq","val":"A\u0041PL"})"), true);
  EXPECT_EQ(fits(R"({"key":"q\"","cmp":"eq","val":"a\nb"})", {{"q\"", "a\nb"}}), true);
}

TEST(TagsFilter, Bounds) {
  const auto wide = [](std::size_t nodes) {
    std::string json = R"({"op":"or","nodes":[)";
    for (std::size_t i = 1; i < nodes; ++i) json += std::string(i > 1 ? "," : "") + R"({"key":"a","cmp":"ex"})";
    return json + "]}";
  };
  EXPECT_TRUE(fits(wide(TagsFilter::kNodesMax)).has_value());
  EXPECT_FALSE(fits(wide(TagsFilter::kNodesMax + 1)).has_value());

  const auto deep = [](unsigned depth) {
    std::string json = R"({"key":"a","cmp":"ex"})";
    for (unsigned i = 1; i < depth; ++i) json = R"({"op":"not","nodes":[)" + json + "]}";
    return json;
  };
  EXPECT_TRUE(fits(deep(TagsFilter::kDepthMax)).has_value());
  EXPECT_FALSE(fits(deep(TagsFilter::kDepthMax + 1)).has_value());

  const auto listed = [](std::size_t values) {
    std::string json = R"({"key":"a","cmp":"in","vals":[)";
    for (std::size_t i = 0; i < values; ++i) json += i > 0 ? R"(,"x")" : R"("x")";
    return json + "]}";
  };
  EXPECT_TRUE(fits(listed(TagsFilter::kValuesMax)).has_value());
  EXPECT_FALSE(fits(listed(TagsFilter::kValuesMax + 1)).has_value());

  const auto long_value = [](std::size_t bytes) {
    const std::string frame = R"({"key":"a","cmp":"eq","val":""})";
    return fmt::format(R"({{"key":"a","cmp":"eq","val":"{}"}})", std::string(bytes - frame.size(), 'x'));
  };
  EXPECT_TRUE(fits(long_value(TagsFilter::kBytesMax)).has_value());
  EXPECT_FALSE(fits(long_value(TagsFilter::kBytesMax + 1)).has_value());
}

TEST(TagsFilter, CutAnywhereItIsNone) {
  const std::string_view json =
      R"({"op":"and","nodes":[{"key":"a","cmp":"in","vals":["x","\u00e9"]},{"op":"not","nodes":[{"key":"b","cmp":"lt","val":"1.5"}]}]})";
  ASSERT_TRUE(TagsFilter::parse(json).has_value());
  for (std::size_t cut = 0; cut < json.size(); ++cut) {
    EXPECT_FALSE(TagsFilter::parse(json.substr(0, cut)).has_value()) << cut;
  }
}

TEST(TagsFilter, EqualWhereTheyAskTheSame) {
  const auto parse = [](std::string_view json) { return *TagsFilter::parse(json); };
  const auto one = parse(R"({"key":"a","cmp":"eq","val":"x"})");
  const auto same = parse(R"({ "val":"x" , "cmp":"eq", "key":"a" })");
  EXPECT_EQ(one, parse(R"({ "key" : "\u0061", "cmp":"eq", "val":"x", "vals":[] })"));
  // What is written in another order may count as another filter, but must fit the same.
  EXPECT_EQ(one.matches({{"a", "x"}}), same.matches({{"a", "x"}}));
  for (const std::string_view other :
       {R"({"key":"a","cmp":"eq","val":"y"})", R"({"key":"a","cmp":"neq","val":"x"})", R"({"key":"ax","cmp":"ex"})",
        R"({"op":"not","nodes":[{"key":"a","cmp":"eq","val":"x"}]})"}) {
    EXPECT_NE(one, parse(other)) << other;
  }
  EXPECT_EQ(one.hash(), parse(R"({"key":"a","cmp":"eq","val":"x"})").hash());
}

TEST(Decimals, Order) {
  const std::string_view rising[] = {"-100", "-99.99", "-1", "-0.5", "0",  "0.0001", "0.001",
                                     "0.5",  "0.75",   "1",  "9",    "10", "10.5",   "100000000000000000000"};
  for (std::size_t i = 0; i < std::size(rising); ++i) {
    for (std::size_t j = 0; j < std::size(rising); ++j) {
      const auto order = compare_decimals(rising[i], rising[j]);
      ASSERT_TRUE(order.has_value());
      EXPECT_EQ(*order < 0, i < j) << rising[i] << ' ' << rising[j];
      EXPECT_EQ(*order > 0, i > j) << rising[i] << ' ' << rising[j];
    }
  }
  for (const auto& [a, b] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"0", "-0"}, {"-0.0", "+0"}, {"1", "1.000"}, {"007", "7"}, {"+5.10", "5.1"}}) {
    EXPECT_EQ(compare_decimals(a, b), 0) << a << ' ' << b;
  }
  for (const std::string_view bad : {"", "+", "-", ".", "1.", ".1", "1e2", " 1", "1 ", "--1", "1.2.3", "a", "0x10"}) {
    EXPECT_EQ(compare_decimals(bad, "1"), std::nullopt) << bad;
    EXPECT_EQ(compare_decimals("1", bad), std::nullopt) << bad;
  }
  EXPECT_EQ(compare_decimals(std::string(200, '1'), "1"), 1);
  EXPECT_EQ(compare_decimals(std::string(201, '1'), "1"), std::nullopt);
}

}  // namespace
}  // namespace gatecast::protocol
