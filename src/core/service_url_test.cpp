#include "core/service_url.hpp"

#include <gtest/gtest.h>

namespace gatecast {
namespace {

std::string shown(std::string text) { return ServiceUrl(std::move(text)).shown(); }

TEST(ServiceUrl, ShowsNoPassword) {
  EXPECT_EQ(shown("redis://127.0.0.1:6379/0"), "redis://127.0.0.1:6379/0");
  EXPECT_EQ(shown("redis://:hidden@cache:6379"), "redis://:***@cache:6379");
  EXPECT_EQ(shown("postgresql://app:hidden@db/app"), "postgresql://app:***@db/app");
  EXPECT_EQ(shown("postgresql://app@db/app"), "postgresql://app@db/app");
  EXPECT_EQ(shown("postgresql://app:hid@den/x@db/app"), "postgresql://app:***@db/app");
  EXPECT_EQ(shown("postgresql://db/app?user=app&password=hidden"), "postgresql://db/app?***");
  EXPECT_EQ(shown("sqlite:gatecast.db"), "sqlite:gatecast.db");
  EXPECT_EQ(shown(""), "");
}

TEST(ServiceUrl, FormatsAsShown) { EXPECT_EQ(fmt::format("{}", ServiceUrl("redis://a:b@c")), "redis://a:***@c"); }

TEST(ServiceUrl, KnowsItsScheme) {
  EXPECT_EQ(ServiceUrl("redis+sentinel://a").scheme(), "redis+sentinel");
  EXPECT_EQ(ServiceUrl("nothing").scheme(), "");
}

}  // namespace
}  // namespace gatecast
