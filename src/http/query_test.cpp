#include "http/query.hpp"

#include <gtest/gtest.h>

namespace gatecast::http {
namespace {

TEST(PercentDecode, DecodesOnce) {
  EXPECT_EQ(percent_decode("a%20b%2525+"), "a b%25+");
  EXPECT_EQ(percent_decode("a+b", Plus::space), "a b");
  EXPECT_EQ(percent_decode("%e2%82%AC"), "\xE2\x82\xAC");
  EXPECT_EQ(percent_decode(""), "");
}

TEST(PercentDecode, RefusesMalformedEscapes) {
  for (const std::string_view bad : {"%", "%4", "a%", "%g0", "%0g", "%%20", "% 20", "%+1", "%-1"}) {
    EXPECT_FALSE(percent_decode(bad)) << bad;
  }
}

TEST(PercentDecode, EveryByteGoesThere) {
  for (unsigned i = 0; i < 256; ++i) {
    const char* digits = "0123456789abcdef";
    const std::string text{'%', digits[i / 16], digits[i % 16]};
    ASSERT_EQ(percent_decode(text), std::string(1, static_cast<char>(i))) << i;
  }
}

TEST(FindQuery, FindsAValue) {
  EXPECT_EQ(query_param("a=1&b=2", "b"), "2");
  EXPECT_EQ(query_param("a=1&b=2", "a"), "1");
  EXPECT_EQ(query_param("a=x%20y+z", "a"), "x y z");
  EXPECT_EQ(query_param("a=b=c", "a"), "b=c");
  EXPECT_EQ(query_param("%61=1", "a"), "1");
  EXPECT_EQ(query_param("a", "a"), "");
  EXPECT_EQ(query_param("&&a=&", "a"), "");
}

TEST(FindQuery, IsAbsent) {
  for (const std::string_view query : {"", "b=1", "A=1", "ab=1", "=a", "&"}) {
    const auto found = find_query(query, "a");
    EXPECT_FALSE(found.value) << query;
    EXPECT_FALSE(found.duplicate || found.malformed) << query;
  }
}

TEST(FindQuery, ADuplicateHasNoValue) {
  for (const std::string_view query : {"a=1&a=1", "a=1&b=2&a=3", "a&a", "a=1&%61=2", "a=%&a=1", "a=1&a=2&a=3"}) {
    const auto found = find_query(query, "a");
    EXPECT_FALSE(found.value) << query;
    EXPECT_TRUE(found.duplicate) << query;
  }
}

TEST(FindQuery, AMalformedValueIsNone) {
  for (const std::string_view query : {"a=%", "a=%zz", "a=%00", "a=%ff", "a=%0a", "a=%ed%a0%80", "a=%7f"}) {
    const auto found = find_query(query, "a");
    EXPECT_FALSE(found.value) << query;
    EXPECT_TRUE(found.malformed) << query;
  }
  EXPECT_EQ(query_param("b=%&a=1", "a"), "1");
}

}  // namespace
}  // namespace gatecast::http
