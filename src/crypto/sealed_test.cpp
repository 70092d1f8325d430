#include "crypto/sealed.hpp"

#include <gtest/gtest.h>

namespace gatecast::crypto {
namespace {

const Secret kKey(std::string(32, 'k'));

TEST(Sealed, OpensWithItsKeyForItsPlaceAlone) {
  const SealKey key(kKey, "answers");
  for (const std::string& text : {std::string(), std::string("{\"token\":\"secret\"}"), std::string(100'000, 'x')}) {
    const std::string sealed = key.seal(text, "place");
    EXPECT_EQ(sealed.size(), text.size() + 40);
    EXPECT_EQ(key.open(sealed, "place"), text);
    EXPECT_FALSE(key.open(sealed, "other"));
    EXPECT_FALSE(SealKey(kKey, "other purpose").open(sealed, "place"));
    EXPECT_FALSE(SealKey(Secret(std::string(32, 'l')), "answers").open(sealed, "place"));
    EXPECT_EQ(SealKey(kKey, "answers").open(sealed, "place"), text);
  }
  EXPECT_NE(key.seal("same", "place"), key.seal("same", "place"));
  EXPECT_FALSE(key.seal("a secret text", "place").contains("secret"));
}

TEST(Sealed, WhatWasChangedOrCutDoesNotOpen) {
  const SealKey key(kKey, "answers");
  const std::string sealed = key.seal("text", "place");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(key.open(changed, "place")) << i;
    EXPECT_FALSE(key.open(sealed.substr(0, i), "place")) << i;
  }
}

}  // namespace
}  // namespace gatecast::crypto
