#include "crypto/keccak.hpp"

#include <gtest/gtest.h>

#include "core/text_form.hpp"

namespace gatecast::crypto {
namespace {

TEST(Keccak, MatchesThePublishedDigests) {
  const auto hex = [](std::string_view message) { return hex_encode(keccak256(message)); };
  EXPECT_EQ(hex(""), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(hex("abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
  EXPECT_EQ(hex("testing"), "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02");
  // Selectors that every contract knows begin the digests of these.
  EXPECT_EQ(hex("transfer(address,uint256)").substr(0, 8), "a9059cbb");
  EXPECT_EQ(hex("isValidSignature(bytes32,bytes)").substr(0, 8), "1626ba7e");
}

// Around the rate of 136 bytes the padding takes one byte, several, or a block of its own. The digests are those of an
// implementation written from the specification for this purpose.
TEST(Keccak, PadsAroundTheBlock) {
  const auto hex = [](std::size_t length) { return hex_encode(keccak256(std::string(length, 'a'))); };
  EXPECT_EQ(hex(135), "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446");
  EXPECT_EQ(hex(136), "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e");
  EXPECT_EQ(hex(137), "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39");
  EXPECT_EQ(hex(1000), "b6a4ac1f51884d71f30fa397a5e155de3099e11fc0edef5d08b646e621e19de9");
}

}  // namespace
}  // namespace gatecast::crypto
