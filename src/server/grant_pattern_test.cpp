#include "server/grant_pattern.hpp"

#include <gtest/gtest.h>

#include "store/grants.hpp"

namespace gatecast::server {
namespace {

TEST(GrantPattern, PartsOfTheNameBehindItsNamespace) {
  EXPECT_EQ(grant_resource("post:{1}", "chat:42"), "post:42");
  EXPECT_EQ(grant_resource("post:{1}", "chat:42:comments"), "post:42");
  EXPECT_EQ(grant_resource("{2}/{1}", "chat:42:comments"), "comments/42");
  EXPECT_EQ(grant_resource("vip", "chat:42"), "vip");
  EXPECT_EQ(grant_resource("room:{1}", "lobby"), "room:lobby") << "a channel without a namespace is one part";
  EXPECT_EQ(grant_resource("{1}", "chat:a#b"), "a#b");
}

TEST(GrantPattern, WithoutAPartNothingOpensTheChannel) {
  EXPECT_EQ(grant_resource("post:{1}", "chat:"), "");
  EXPECT_EQ(grant_resource("post:{2}", "chat:42"), "");
  EXPECT_EQ(grant_resource("post:{2}", "chat:42:"), "");
  EXPECT_EQ(grant_resource("post:{1}", "chat::x"), "");
  EXPECT_EQ(grant_resource("post:{1}", "chat:" + std::string(store::kGrantResourceBytesMax, 'x')), "");
}

TEST(GrantPattern, AFaultIsNamed) {
  const auto fault = [](std::string_view pattern) {
    const auto checked = check_grant_pattern(pattern);
    return checked ? std::string() : checked.error().detail;
  };
  for (const auto* good : {"post:{1}", "{1}", "vip", "a{9}b{1}"}) EXPECT_EQ(fault(good), "") << good;
  for (const auto* braces : {"{", "post:{", "post:{0}", "{10}", "{a}", "{}", "{{1}}"}) {
    EXPECT_NE(fault(braces).find("braces hold one digit"), std::string::npos) << braces;
  }
  EXPECT_NE(fault("post}").find("without '{'"), std::string::npos);
  EXPECT_NE(fault("a b").find("visible ASCII"), std::string::npos);
  EXPECT_NE(fault(std::string(129, 'x')).find("128 bytes"), std::string::npos);
}

}  // namespace
}  // namespace gatecast::server
