#include "app/user_file.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace gatecast::app {
namespace {

std::vector<UserRecord> all(UserFile& file) {
  std::vector<UserRecord> out;
  while (auto record = file.next()) out.push_back(std::move(*record));
  return out;
}

std::vector<UserRecord> csv(const std::string& text) {
  std::istringstream in(text);
  auto file = read_csv(in);
  EXPECT_TRUE(file.has_value());
  return all(**file);
}

Errc heading(const std::string& text) {
  std::istringstream in(text);
  auto file = read_csv(in);
  return file ? Errc::internal : file.error().code;
}

TEST(UserFile, CsvFieldsByTheirHeading) {
  const auto rows =
      csv("\xEF\xBB\xBFid,nickname,isCreator,claims,telegram,solana\r\nu1,\"Ann, "
          "\"\"A\"\"\",yes,\"{\"\"a\"\":1}\",42,\r\nu2,,,,,\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(
      rows[0].json,
      R"({"id":"u1","nickname":"Ann, \"A\"","isCreator":true,"claims":{"a":1},"identities":[{"kind":"telegram","subject":"42"}]})");
  EXPECT_EQ(rows[1].json, R"({"id":"u2"})");
  EXPECT_EQ(rows[1].line, 3u);
}

TEST(UserFile, CsvRecordsMaySpanLinesAndCountThem) {
  const auto rows = csv("id,nickname\nu1,\"a\nb\"\n\nu2,x,y\nu3,z");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].json, R"({"id":"u1","nickname":"a\nb"})");
  EXPECT_EQ(rows[1].line, 5u);
  EXPECT_EQ(rows[1].problem, "3 fields, the heading has 2");
  EXPECT_EQ(rows[2].json, R"({"id":"u3","nickname":"z"})");
  EXPECT_EQ(rows[2].line, 6u);
}

TEST(UserFile, CsvSaysWhatIsWrong) {
  EXPECT_EQ(heading(""), Errc::config_invalid);
  EXPECT_EQ(heading("nickname\nx\n"), Errc::config_invalid);
  EXPECT_EQ(heading("id,nick\n"), Errc::config_invalid);
  EXPECT_EQ(heading("id,id\n"), Errc::config_invalid);
  EXPECT_EQ(csv("id,isCreator\nu1,perhaps\n")[0].problem, "isCreator: not true or false");
  EXPECT_EQ(csv("id,claims\nu1,{\n")[0].problem, "claims: not JSON");
  EXPECT_EQ(csv("id\n\"u1")[0].problem, "a quote is not closed");
  EXPECT_EQ(csv("id\n\xff\n")[0].problem, "not UTF-8");
  EXPECT_EQ(csv("id\n" + std::string(70'000, 'x') + "\nu2\n")[1].json, R"({"id":"u2"})");
}

TEST(UserFile, JsonLines) {
  std::istringstream in("{\"id\":\"a\"}\r\n\n  \n[1]\n{\"id\":\"b\"}");
  auto file = read_jsonl(in);
  const auto rows = all(*file);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].json, "{\"id\":\"a\"}");
  EXPECT_EQ(rows[1].line, 4u);
  EXPECT_FALSE(rows[1].problem.empty());
  EXPECT_EQ(rows[2].line, 5u);
}

}  // namespace
}  // namespace gatecast::app
