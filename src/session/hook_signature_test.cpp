#include "session/hook_signature.hpp"

#include <gtest/gtest.h>

namespace gatecast::session {
namespace {

// The macs by `printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac 'a secret of the hook'`.
TEST(HookSignature, IsWhatOpensslComputes) {
  const WallTime at = from_unix_ms(1'800'000'000'999);
  EXPECT_EQ(hook_signature(Secret{"a secret of the hook"}, at, R"({"a":1})"),
            "t=1800000000,v1=ed3c97bcf6d992e363358314c392a64a7e59f7862e7daa2ba95961ad67ae385e");
}

TEST(HookSignature, DependsOnSecretTimeAndBody) {
  const WallTime at = from_unix_seconds(1'800'000'000);
  const std::string good = hook_signature(Secret{"s"}, at, "b");
  EXPECT_NE(hook_signature(Secret{"t"}, at, "b"), good);
  EXPECT_NE(hook_signature(Secret{"s"}, at, "c"), good);
  EXPECT_NE(hook_signature(Secret{"s"}, at + std::chrono::seconds{1}, "b").substr(13), good.substr(13));
}

}  // namespace
}  // namespace gatecast::session
