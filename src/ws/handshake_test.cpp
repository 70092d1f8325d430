#include "ws/handshake.hpp"

#include <gtest/gtest.h>

#include <array>

namespace gatecast::ws {
namespace {

constexpr std::array<std::string_view, 2> kSupported{"centrifuge-json", "centrifuge-protobuf"};

// The example of RFC 6455 §1.2 and §1.3.
UpgradeRequest example() {
  return {.method = "GET",
          .upgrade = "websocket",
          .connection = "Upgrade",
          .version = "13",
          .key = "dGhlIHNhbXBsZSBub25jZQ=="};
}

Errc refusal(const UpgradeRequest& request) {
  const auto result = accept_upgrade(request, kSupported);
  return result ? Errc::internal : result.error().code;
}

TEST(Handshake, AnswersTheExampleOfTheRfc) {
  const auto accepted = accept_upgrade(example(), kSupported);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(switching_protocols(*accepted),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST(Handshake, ReadsListsAndIgnoresCase) {
  auto request = example();
  request.connection = "keep-alive, UPGRADE";
  request.upgrade = "h2c ,WebSocket";
  request.version = " 13 ";
  EXPECT_TRUE(accept_upgrade(request, kSupported));
}

TEST(Handshake, RefusesWhatIsNoUpgrade) {
  auto request = example();
  request.method = "POST";
  EXPECT_EQ(refusal(request), Errc::upgrade_required);
  request = example();
  request.http_1_1 = false;
  EXPECT_EQ(refusal(request), Errc::upgrade_required);
  request = example();
  request.upgrade = "websockets";
  EXPECT_EQ(refusal(request), Errc::upgrade_required);
  request = example();
  request.connection = "keep-alive";
  EXPECT_EQ(refusal(request), Errc::upgrade_required);
  request = example();
  request.connection = "";
  EXPECT_EQ(refusal(request), Errc::upgrade_required);
  request = example();
  request.has_body = true;
  EXPECT_EQ(refusal(request), Errc::http_malformed);
}

TEST(Handshake, RefusesOtherVersions) {
  for (const std::string_view version : {"", "8", "14", "13, 8", "130", "0x0d"}) {
    auto request = example();
    request.version = version;
    EXPECT_EQ(refusal(request), Errc::websocket_version) << version;
  }
}

TEST(Handshake, RefusesKeysThatAreNotSixteenBytes) {
  for (const std::string_view key :
       {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==", "!!!!!!!!!!!!!!!!!!!!!!=="}) {
    auto request = example();
    request.key = key;
    EXPECT_EQ(refusal(request), Errc::websocket_key) << key;
  }
}

TEST(Handshake, ChoosesTheClientsFirstSupportedProtocol) {
  auto request = example();
  request.protocols = "chat, centrifuge-protobuf , centrifuge-json";
  auto accepted = accept_upgrade(request, kSupported);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->protocol, "centrifuge-protobuf");
  EXPECT_NE(switching_protocols(*accepted).find("\r\nSec-WebSocket-Protocol: centrifuge-protobuf\r\n"),
            std::string::npos);

  request.protocols = "chat,,";
  accepted = accept_upgrade(request, kSupported);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->protocol, "");
  EXPECT_NE(
      switching_protocols(*accepted, "permessage-deflate").find("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
      std::string::npos);
}

}  // namespace
}  // namespace gatecast::ws
