#include "identity/init_data.hpp"

#include <gtest/gtest.h>

namespace gatecast::identity {
namespace {

using namespace std::string_literals;
using Fields = std::vector<TelegramField>;

void expect_reads(std::string_view query, const Fields& fields) {
  const Result<InitData> data = InitData::parse(query);
  ASSERT_TRUE(data) << query << "\n" << data.error().detail;
  EXPECT_EQ(data->fields(), fields) << query;
}

void expect_malformed(std::string_view query) {
  const Result<InitData> data = InitData::parse(query);
  ASSERT_FALSE(data) << query;
  EXPECT_EQ(data.error().code, Errc::initdata_malformed) << query;
}

TEST(InitData, DecodesOnceAndSortsByName) {
  expect_reads("b=2&a=1", {{"a", "1"}, {"b", "2"}});
  expect_reads("a=", {{"a", ""}});
  expect_reads("a=b=c==", {{"a", "b=c=="}});
  expect_reads("a=x+y%2Bz", {{"a", "x y+z"}});
  expect_reads("a=%2525", {{"a", "%25"}});
  expect_reads("a=%7b%7D", {{"a", "{}"}});
  expect_reads("%61=1", {{"a", "1"}});
  expect_reads("a=%26b%3D1", {{"a", "&b=1"}});
  expect_reads("a=%5C%2F", {{"a", "\\/"}});
  expect_reads("a=caf%C3%A9", {{"a", "caf\xc3\xa9"}});
  expect_reads("a=caf\xc3\xa9", {{"a", "caf\xc3\xa9"}});
  expect_reads("a=%E2%80%A8", {{"a", "\xe2\x80\xa8"}});
  expect_reads("a_b=1&a=2&a1=3&ab=4", {{"a", "2"}, {"a1", "3"}, {"a_b", "1"}, {"ab", "4"}});
}

TEST(InitData, RefusesWhatCouldBeReadInTwoWays) {
  for (const std::string& bad : {""s,
                                 "&"s,
                                 "a"s,
                                 "=1"s,
                                 "a=1&"s,
                                 "&a=1"s,
                                 "a=1&&b=2"s,
                                 "a=1&b"s,
                                 "a=1&a=1"s,
                                 "a=1&b=2&a=3"s,
                                 "a=1&%61=2"s,
                                 "a=%"s,
                                 "a=%2"s,
                                 "a=%zz"s,
                                 "a=%2 0"s,
                                 "a=1%"s,
                                 "%=1"s,
                                 "?a=1"s,
                                 "A=1"s,
                                 "a.b=1"s,
                                 "a b=1"s,
                                 "a+b=1"s,
                                 "a-b=1"s,
                                 "a%3Db=1"s,
                                 "a%0A=1"s,
                                 "a=1%0Ab=2"s,
                                 "a=\n"s,
                                 "a=%00"s,
                                 "a=\0"s,
                                 "a=%0D"s,
                                 "a=%09"s,
                                 "a=%1F"s,
                                 "a=%FF"s,
                                 "a=%C3"s,
                                 "a=%ED%A0%80"s,
                                 "a=\xff"s,
                                 "user[id]=1"s,
                                 std::string(65, 'a') + "=1"}) {
    expect_malformed(bad);
  }
}

TEST(InitData, SizeAndNumberAreBounded) {
  expect_reads("a=" + std::string(kMaxInitDataBytes - 2, 'x'), {{"a", std::string(kMaxInitDataBytes - 2, 'x')}});
  expect_malformed("a=" + std::string(kMaxInitDataBytes - 1, 'x'));
  std::string query = "f0=";
  for (std::size_t i = 1; i < kMaxFields; ++i) query += "&f" + std::to_string(i) + "=";
  EXPECT_TRUE(InitData::parse(query));
  expect_malformed(query + "&g=");
  Fields fields(kMaxFields + 1);
  for (std::size_t i = 0; i < fields.size(); ++i) fields[i].name = "f" + std::to_string(i);
  EXPECT_FALSE(InitData::from_fields(fields));
  fields.pop_back();
  EXPECT_TRUE(InitData::from_fields(fields));
  fields[0].value = std::string(kMaxInitDataBytes, 'x');
  EXPECT_FALSE(InitData::from_fields(fields));
}

TEST(InitData, FieldsFromElsewhereObeyTheSameRules) {
  EXPECT_TRUE(InitData::from_fields({{"b", "2"}, {"a", "1 + 1"}}));
  for (const Fields& bad : {Fields{{"a", "1"}, {"a", "1"}}, Fields{{"", "1"}}, Fields{{"a\nb", "1"}},
                            Fields{{"a", "1\nb=2"}}, Fields{{"a=b", "1"}}, Fields{{"a", "\xff"}}}) {
    const Result<InitData> data = InitData::from_fields(bad);
    ASSERT_FALSE(data);
    EXPECT_EQ(data.error().code, Errc::initdata_malformed);
  }
}

TEST(InitData, TheCheckStringLeavesOutWhatIsAskedFor) {
  const InitData data = InitData::parse("hash=h&b=2&signature=s&a=1%2B+x&c=").value();
  EXPECT_EQ(data.check_string({}), "a=1+ x\nb=2\nc=\nhash=h\nsignature=s");
  EXPECT_EQ(data.check_string({"hash"}), "a=1+ x\nb=2\nc=\nsignature=s");
  EXPECT_EQ(data.check_string({"hash", "signature"}), "a=1+ x\nb=2\nc=");
  EXPECT_EQ(data.check_string({"a"}), "b=2\nc=\nhash=h\nsignature=s");
}

TEST(InitData, FormsOfTheFieldsThatProve) {
  const auto data = [](const std::string& name, const std::string& value) {
    return InitData::from_fields({{name, value}}).value();
  };
  const std::string hash(64, 'a');
  EXPECT_EQ(data("hash", hash).hash(), std::string(32, '\xaa'));
  for (const std::string& bad : {std::string(), hash + "a", hash.substr(1), hash + "aa", std::string(64, 'A'),
                                 hash.substr(1) + "g", hash.substr(1) + " "}) {
    EXPECT_FALSE(data("hash", bad).hash()) << bad;
  }
  EXPECT_FALSE(data("x", hash).hash());

  const std::string signature(85, 'a');  // the last character has four bits of the last byte
  EXPECT_EQ(data("signature", signature + "Q").signature()->size(), 64U);
  for (const std::string& bad : {std::string(), signature, signature + "Q==", signature + "R", signature + "Qa",
                                 signature.substr(1) + "+Q", signature.substr(1) + "/Q"}) {
    EXPECT_FALSE(data("signature", bad).signature()) << bad;
  }

  EXPECT_EQ(data("auth_date", "1733584787").auth_date(), from_unix_seconds(1'733'584'787));
  EXPECT_EQ(data("auth_date", "0").auth_date(), from_unix_seconds(0));
  for (const char* bad :
       {"", "-1", "+1", " 1", "1 ", "1.5", "1e9", "0x1", "10000000000", "99999999999999999999", "now"}) {
    EXPECT_FALSE(data("auth_date", bad).auth_date()) << bad;
  }
}

}  // namespace
}  // namespace gatecast::identity
