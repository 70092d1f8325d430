#include "identity/ethereum_address.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/text_form.hpp"

namespace gatecast::identity {
namespace {

// The addresses of EIP-55.
const std::string kMixed[] = {
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"};
const std::string kUpper[] = {"0x52908400098527886E0F7030069857D2E4169EE7",
                              "0x8617E340B3D01FA5F11F306F4090FD50E238070D"};
const std::string kLower[] = {"0xde709f2102306220921060314715629080e2fb77",
                              "0x27b1fdb04752bbc536007a920d24acb045561c26"};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string verdict(std::string_view text) {
  const Result<std::string> address = ethereum_address(text);
  return address ? *address : std::string(info(address.error().code).name);
}

TEST(EthereumAddress, ReadsTheExamplesOfEip55) {
  for (const auto* list :
       {&kMixed[0], &kMixed[1], &kMixed[2], &kMixed[3], &kUpper[0], &kUpper[1], &kLower[0], &kLower[1]}) {
    EXPECT_EQ(verdict(*list), lower(*list));
    EXPECT_EQ(verdict(lower(*list)), lower(*list));
    EXPECT_EQ(with_checksum(lower(*list)), *list);
  }
}

TEST(EthereumAddress, AllUpperCaseCarriesNoChecksum) {
  for (std::string text : kMixed) {
    const std::string expected = lower(text);
    std::transform(text.begin() + 2, text.end(), text.begin() + 2,
                   [](char c) { return static_cast<char>(toupper(c)); });
    EXPECT_EQ(verdict(text), expected);
  }
}

TEST(EthereumAddress, EveryLetterOfTheOtherCaseIsAWrongChecksum) {
  for (const std::string& good : kMixed) {
    for (std::size_t i = 2; i < good.size(); ++i) {
      std::string text = good;
      if (text[i] < 'A') continue;
      text[i] ^= 0x20;
      EXPECT_EQ(verdict(text), "address_checksum") << text;
    }
  }
}

TEST(EthereumAddress, OtherFormsAreNoAddress) {
  const std::string good = kLower[0];
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_EQ(verdict(good.substr(0, cut)), "address_invalid") << cut;
  for (const std::string& bad :
       {good + "0", good.substr(2), "0X" + good.substr(2), " " + good, good + " ", good + "\n", "1x" + good.substr(2),
        "0x" + good.substr(3) + "g", "0x" + good.substr(3) + "/", std::string("vitalik.eth"), good.substr(2) + "0x"}) {
    EXPECT_EQ(verdict(bad), "address_invalid") << bad;
  }
}

std::string signature_verdict(std::string_view text) {
  const Result<std::string> bytes = ethereum_signature(text);
  return bytes ? "v" + std::to_string(bytes->back()) : std::string(info(bytes.error().code).name);
}

TEST(EthereumSignature, ReadsRecoveryIdsOfBothConventions) {
  const std::string rs(128, 'a');
  EXPECT_EQ(signature_verdict("0x" + rs + "00"), "v0");
  EXPECT_EQ(signature_verdict("0x" + rs + "01"), "v1");
  EXPECT_EQ(signature_verdict("0x" + rs + "1b"), "v0");
  EXPECT_EQ(signature_verdict("0x" + rs + "1C"), "v1");
  EXPECT_EQ(signature_verdict(rs + "1c"), "v1");
  for (int v = 0; v < 256; ++v) {
    if (v == 0 || v == 1 || v == 27 || v == 28) continue;
    const std::string text = "0x" + rs + hex_encode(std::string(1, static_cast<char>(v)));
    EXPECT_EQ(signature_verdict(text), "recovery_id_unsupported") << v;
  }
}

TEST(EthereumSignature, ContractWalletsAreNamed) {
  std::string mark;
  for (int i = 0; i < 16; ++i) mark += "6492";
  EXPECT_EQ(signature_verdict("0x" + std::string(1000, 'a') + mark), "contract_wallet_unsupported");
  EXPECT_EQ(signature_verdict("0x" + mark), "contract_wallet_unsupported");
  // Of the size of a key's own signature: the mark decides.
  const Result<std::string> wrapped = ethereum_signature("0x" + std::string(66, 'a') + mark);
  ASSERT_FALSE(wrapped);
  EXPECT_EQ(wrapped.error().code, Errc::contract_wallet_unsupported);
  EXPECT_EQ(wrapped.error().detail, "ERC-6492");
  for (const std::size_t size : {1U, 32U, 64U, 66U, 130U, 1000U}) {
    EXPECT_EQ(signature_verdict("0x" + std::string(2 * size, '1')), "contract_wallet_unsupported") << size;
  }
}

TEST(EthereumSignature, OtherTextsAreNoSignature) {
  const std::string good = "0x" + std::string(128, 'a') + "1b";
  for (const std::string& bad :
       {std::string(), std::string("0x"), good + "0", " " + good, good + "\n", "0X" + good.substr(2),
        good.substr(0, 131) + "g", "0x" + good, std::string(32 * 1024 + 2, 'a')}) {
    EXPECT_EQ(signature_verdict(bad), "signature_malformed") << bad.substr(0, 200);
  }
}

}  // namespace
}  // namespace gatecast::identity
