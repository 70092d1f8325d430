#include "http/cookie.hpp"

#include <gtest/gtest.h>

namespace gatecast::http {
namespace {

std::string found(const Headers& headers, std::string_view name = "token") {
  return cookie(headers, name).value_or("(none)");
}
std::string in(const std::string& field) { return found({{"Cookie", field}}); }

TEST(Cookie, IsFoundAmongOthers) {
  EXPECT_EQ(in("token=abc"), "abc");
  EXPECT_EQ(in("a=1; token=abc; b=2"), "abc");
  EXPECT_EQ(in("a=1;token=abc;b=2"), "abc");
  EXPECT_EQ(in("token=a=b=="), "a=b==");
  EXPECT_EQ(in("token=\"abc\""), "abc");
  EXPECT_EQ(found({{"Host", "x"}, {"cookie", "a=1"}, {"COOKIE", "token=abc"}}), "abc");
}

TEST(Cookie, OneThatIsNotThereOnceAndPlainIsNone) {
  for (const char* field : {"", "a=1", "tokens=abc", "xtoken=abc", "Token=abc", "token", "token=", "token=\"\"", ";;;",
                            "token=a; token=a", "token=a; token=b", "token=; token=b"}) {
    EXPECT_EQ(in(field), "(none)") << field;
  }
  EXPECT_EQ(found({{"Cookie", "token=a"}, {"Cookie", "token=b"}}), "(none)");
  EXPECT_EQ(found({}), "(none)");
}

TEST(Cookie, FieldsCutAnywhereNeverGiveAnotherCookiesValue) {
  const std::string whole = "other=zzz; token=abc; more=yyy";
  for (std::size_t i = 0; i <= whole.size(); ++i) {
    const std::string value = in(whole.substr(0, i));
    EXPECT_TRUE(value == "(none)" || std::string("abc").starts_with(value)) << i << ' ' << value;
  }
}

}  // namespace
}  // namespace gatecast::http
