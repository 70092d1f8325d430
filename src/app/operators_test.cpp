#include "app/operators.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "app/actions.hpp"

namespace gatecast::app {
namespace {

TEST(Operators, PlainTextMovesNoCursor) {
  EXPECT_EQ(plain("Zoë 日本"), "Zoë 日本");
  EXPECT_EQ(plain("a\x1b[2Jb\x7f\n"), "a?[2Jb??");
  EXPECT_EQ(plain("a\xc2\x9b"
                  "2Jb"),
            "a?2Jb");
  EXPECT_EQ(plain("\xc2"), "\xc2");
}

TEST(Operators, TablesAreAligned) {
  EXPECT_EQ(table({"a", "long"}, {{"wider", "x"}, {"", "y"}}), "a      long\nwider  x\n       y\n");
  EXPECT_EQ(table({"a", "b"}, {}), "a  b\n");
}

TEST(Operators, ComplaintsSayWhatToDo) {
  std::ostringstream out, err;
  const Io io{.out = out, .err = err};
  EXPECT_EQ(complain(fail(Errc::user_unknown, "u\x1b"), io), kFailed);
  EXPECT_EQ(err.str(), fmt::format("gatecast: unknown user: u?\n{}\n", info(Errc::user_unknown).cure));
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace gatecast::app
