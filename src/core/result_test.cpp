#include "core/result.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "core/secret.hpp"

namespace gatecast {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Errc::field_invalid, "odd");
  return n / 2;
}

TEST(Result, HoldsAValueOrACode) {
  const Result<int> good = half(4);
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 2);
  const Result<int> bad = half(3);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::field_invalid);
  EXPECT_EQ(bad.error().detail, "odd");
  const Result<int> bare = Errc::not_found;
  ASSERT_FALSE(bare);
  EXPECT_EQ(bare.error().code, Errc::not_found);
  EXPECT_TRUE(bare.error().detail.empty());
}

TEST(Result, AndThenStopsAtTheFirstError) {
  EXPECT_EQ(*half(8).and_then(half).and_then(half), 1);
  int calls = 0;
  const auto counted = [&calls](int n) {
    ++calls;
    return half(n);
  };
  const Result<int> stopped = half(6).and_then(counted).and_then(counted);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().detail, "odd");
  EXPECT_EQ(calls, 1);
}

TEST(Result, MapChangesTheValueAndKeepsTheError) {
  const Result<std::string> text = half(10).map([](int n) { return std::to_string(n); });
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "5");
  const Result<std::string> none = half(5).map([](int n) { return std::to_string(n); });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::field_invalid);
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> held = std::make_unique<int>(7);
  const Result<int> out = std::move(held).map([](std::unique_ptr<int> p) { return *p; });
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, 7);
}

TEST(Result, OfNothingIsGoodByDefault) {
  EXPECT_TRUE(Result<void>{});
  const Result<void> bad = fail(Errc::overloaded, "queue full");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::overloaded);
  EXPECT_EQ(bad.error().detail, "queue full");
}

TEST(Secret, PrintsStars) {
  const Secret key("correct horse");
  EXPECT_EQ(fmt::format("{}", key), "***");
  EXPECT_EQ(key.expose(), "correct horse");
}

TEST(Secret, MovedFromIsEmpty) {
  Secret a("one");
  Secret b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): the promise under test
  EXPECT_EQ(b.expose(), "one");
  Secret c("two");
  c = std::move(b);
  EXPECT_EQ(c.expose(), "one");
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace gatecast
