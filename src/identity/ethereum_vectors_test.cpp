// Ethereum messages and signatures published by open test suites, and defects known from other servers.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "identity/test_ethereum.hpp"

namespace gatecast::identity {
namespace {

using namespace std::chrono_literals;

boost::json::array vectors() {
  std::ifstream file(GATECAST_SOURCE_DIR "/tests/vectors/wallet-signin.json");
  std::stringstream text;
  text << file.rdbuf();
  return boost::json::parse(text.str()).at("ethereum").as_array();
}

std::string member(const boost::json::value& vector, const char* name) {
  return std::string(vector.at(name).as_string());
}

EthereumProof proof_of(const boost::json::value& vector) {
  return {.address = member(vector, "address"),
          .message = member(vector, "message"),
          .signature = member(vector, "signature")};
}

std::string verdict(const EthereumProof& proof, const EthereumPolicy& policy = EthereumTestWallet::policy(),
                    WallTime now = EthereumTestWallet::now()) {
  const Result<WalletClaim> claim = verify_ethereum(proof, policy, now);
  return claim ? "accepted" : std::string(info(claim.error().code).name);
}

TEST(EthereumVectors, SignaturesVerifyAsPublished) {
  std::size_t good = 0;
  std::size_t bad = 0;
  for (const auto& vector : vectors()) {
    EthereumProof proof = proof_of(vector);
    const bool expected = vector.at("expect_crypto").as_bool();
    ++(expected ? good : bad);
    EXPECT_EQ(hex_encode(personal_message_hash(proof.message)), member(vector, "eip191_hash"));
    EXPECT_EQ(verify_ethereum_signature(proof).has_value(), expected) << proof.message;
    // The key that did sign.
    proof.address = member(vector, "recovered");
    const Result<std::string> signer = verify_ethereum_signature(proof);
    ASSERT_TRUE(signer) << signer.error().detail;
    EXPECT_EQ(*signer, member(vector, "recovered"));
    proof.message.back() ^= 1;
    EXPECT_FALSE(verify_ethereum_signature(proof));
  }
  EXPECT_EQ(good, 12U);
  EXPECT_EQ(bad, 1U);
}

TEST(EthereumVectors, RefusalsNameTheirReason) {
  const Result<std::string> other = verify_ethereum_signature(proof_of(vectors()[10]));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::signature_invalid);
}

TEST(EthereumVectors, PublishedMessagesSignInOnlyWhereAndWhenTheyWereMeant) {
  for (const auto& vector : vectors()) EXPECT_NE(verdict(proof_of(vector)), "accepted");
  const boost::json::array all = vectors();
  const WallTime then = *parse_rfc3339("2022-01-27T17:10:00Z");
  EXPECT_EQ(verdict(proof_of(all[11]), {.domains = {"login.xyz"}, .chains = {1}}, then), "accepted");
  EXPECT_EQ(verdict(proof_of(all[11]), {.domains = {"login.xyz"}, .chains = {5}}, then), "chain_mismatch");
  EXPECT_EQ(verdict(proof_of(all[11]), {.domains = {"login.xyz"}, .chains = {1}}, then + 1h), "message_stale");
  // Its URI is on another host than its domain.
  const WallTime later = *parse_rfc3339("2022-06-30T14:09:00Z");
  EXPECT_EQ(verdict(proof_of(all[12]), {.domains = {"www.tally.xyz"}, .chains = {1}}, later), "uri_mismatch");
  EXPECT_EQ(
      verdict(proof_of(all[12]), {.domains = {"www.tally.xyz"}, .uris = {"https://tally.xyz"}, .chains = {1}}, later),
      "accepted");
}

const EthereumTestWallet kWallet('a');

TEST(KnownDefectsEthereum, AMessageWithoutANonceWouldReplayForTenMinutes) {
  EthereumMessage message = kWallet.message();
  std::string text = format_ethereum_message(message);
  const std::size_t nonce = text.find("\nNonce: ");
  text.erase(nonce, text.find('\n', nonce + 1) - nonce);
  EXPECT_EQ(verdict(kWallet.prove(text)), "message_malformed");
  message.nonce = "short";
  EXPECT_EQ(verdict(kWallet.prove(message)), "nonce_missing");
  // All of the first suite's messages lack it.
  const boost::json::array all = vectors();
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(
        verdict(proof_of(all[i]), {.domains = {"supabase.com", "supabase.green", "localhost:5173"}, .chains = {1}},
                *parse_rfc3339("2025-03-29T00:00:01Z")),
        "message_malformed");
  }
}

TEST(KnownDefectsEthereum, ExpirationTimeCountsWithoutNotBefore) {
  EthereumMessage message = kWallet.message();
  ASSERT_FALSE(message.not_before);
  message.issued_at = EthereumTestWallet::now() - 2min;
  message.expires_at = EthereumTestWallet::now() - 1min;
  EXPECT_EQ(verdict(kWallet.prove(message)), "message_expired");
  message.not_before = message.issued_at;
  EXPECT_EQ(verdict(kWallet.prove(message)), "message_expired");
}

TEST(KnownDefectsEthereum, SpellingsOfAnAddressAreOneUser) {
  std::string upper = kWallet.address();
  std::transform(upper.begin() + 2, upper.end(), upper.begin() + 2,
                 [](char c) { return static_cast<char>(toupper(c)); });
  for (const std::string& in_text : {kWallet.address(), with_checksum(kWallet.address()), upper}) {
    for (const std::string& in_proof : {kWallet.address(), with_checksum(kWallet.address()), upper}) {
      EthereumMessage message = kWallet.message();
      message.address = in_text;
      EthereumProof proof = kWallet.prove(message);
      proof.address = in_proof;
      const Result<WalletClaim> claim = verify_ethereum(proof, EthereumTestWallet::policy(), EthereumTestWallet::now());
      ASSERT_TRUE(claim) << claim.error().detail;
      EXPECT_EQ(claim->address, kWallet.address());
    }
  }
}

}  // namespace
}  // namespace gatecast::identity
