#include "ws/encoder.hpp"

#include <gtest/gtest.h>

#include "ws/utf8.hpp"

namespace gatecast::ws {
namespace {

std::string header(Opcode opcode, std::size_t length, bool compressed = false) {
  char out[kMaxServerHeaderBytes];
  return {out, write_header(out, opcode, length, compressed)};
}

TEST(Encoder, WritesTheShortestLength) {
  using namespace std::string_literals;
  EXPECT_EQ(header(Opcode::text, 0), "\x81\x00"s);
  EXPECT_EQ(header(Opcode::text, 125), "\x81\x7D"s);
  EXPECT_EQ(header(Opcode::binary, 126), "\x82\x7E\x00\x7E"s);
  EXPECT_EQ(header(Opcode::binary, 65535), "\x82\x7E\xFF\xFF"s);
  EXPECT_EQ(header(Opcode::text, 65536), "\x81\x7F\x00\x00\x00\x00\x00\x01\x00\x00"s);
  EXPECT_EQ(header(Opcode::text, 0x0102030405), "\x81\x7F\x00\x00\x00\x01\x02\x03\x04\x05"s);
  EXPECT_EQ(header(Opcode::text, 5, true), "\xC1\x05"s);
}

TEST(Encoder, AppendsFrames) {
  std::string out = "x";
  append_frame(out, Opcode::text, "Hello");
  append_frame(out, Opcode::ping, "");
  EXPECT_EQ(out, std::string_view("x\x81\x05Hello\x89\x00", 10));
}

TEST(Encoder, CutsControlPayloads) {
  std::string out;
  append_frame(out, Opcode::pong, std::string(200, 'p'));
  EXPECT_EQ(out.size(), 2 + kMaxControlBytes);
  EXPECT_EQ(out[1], 125);
}

TEST(Encoder, CutsACloseReasonAtACharactersEnd) {
  std::string out;
  append_close(out, 4501, "signed out");
  EXPECT_EQ(out, std::string_view("\x88\x0C\x11\x95signed out", 14));

  const std::string long_reason = std::string(122, 'r') + "\xE2\x82\xAC";
  out.clear();
  append_close(out, 1000, long_reason);
  EXPECT_EQ(out.size(), 2u + 2 + 122);
  EXPECT_TRUE(valid_utf8(std::string_view(out).substr(4)));
}

TEST(Encoder, NeverWritesACodeThatMayNotBeOnTheWire) {
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 2999, 5000}) {
    std::string out;
    append_close(out, static_cast<std::uint16_t>(code), "why");
    EXPECT_EQ(out, std::string_view("\x88\x00", 2)) << code;
  }
}

}  // namespace
}  // namespace gatecast::ws
