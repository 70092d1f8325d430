// Messages and signatures published by open test suites, and defects known from other servers.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "identity/solana.hpp"
#include "identity/test_wallet.hpp"

namespace gatecast::identity {
namespace {

using namespace std::chrono_literals;

boost::json::array vectors() {
  std::ifstream file(GATECAST_SOURCE_DIR "/tests/vectors/wallet-signin.json");
  std::stringstream text;
  text << file.rdbuf();
  return boost::json::parse(text.str()).at("solana").as_array();
}

std::string member(const boost::json::value& vector, const char* name) {
  return std::string(vector.at(name).as_string());
}

std::string verdict(const SolanaProof& proof, const SolanaPolicy& policy = TestWallet::policy()) {
  const Result<WalletClaim> claim = verify_solana(proof, policy, TestWallet::now());
  return claim ? "accepted" : std::string(info(claim.error().code).name);
}

TEST(SolanaVectors, SignaturesVerifyAsPublished) {
  std::size_t good = 0;
  std::size_t bad = 0;
  for (const auto& vector : vectors()) {
    const SolanaProof proof{.address = member(vector, "address"),
                            .message = member(vector, "message"),
                            .signature = member(vector, "signature_b64")};
    const bool expected = vector.at("expect_crypto").as_bool();
    const Result<SolanaEnvelope> envelope = verify_solana_signature(proof);
    EXPECT_EQ(envelope.has_value(), expected) << proof.message;
    ++(expected ? good : bad);
    if (!envelope || !expected) continue;
    EXPECT_EQ(hex_encode(*solana_public_key(proof.address)), member(vector, "pubkey_hex"));
    const SolanaForm form = member(vector, "form") == "raw" ? SolanaForm::raw : SolanaForm::v0;
    EXPECT_EQ(envelope->form, form);
    // The same as the bytes that the wallet signed, and not with one of them changed.
    SolanaProof bytes{
        .address = proof.address, .signed_message = *seal_envelope(*envelope), .signature = proof.signature};
    EXPECT_TRUE(verify_solana_signature(bytes));
    bytes.signed_message.back() ^= 1;
    EXPECT_FALSE(verify_solana_signature(bytes));
  }
  EXPECT_EQ(good, 6U);
  EXPECT_EQ(bad, 2U);
}

TEST(SolanaVectors, RefusalsNameTheirReason) {
  const boost::json::array all = vectors();
  const auto reason = [&all](std::size_t i) {
    const Result<SolanaEnvelope> out = verify_solana_signature({.address = member(all[i], "address"),
                                                                .message = member(all[i], "message"),
                                                                .signature = member(all[i], "signature_b64")});
    return out ? "verified" : std::string(info(out.error().code).name);
  };
  EXPECT_EQ(reason(6), "signature_malformed");
  EXPECT_EQ(reason(7), "address_weak");
}

// None of them carries a nonce, so none of them may sign in, not even where and when it was meant for.
TEST(SolanaVectors, PublishedMessagesDoNotSignIn) {
  for (const auto& vector : vectors()) {
    const SolanaProof proof{.address = member(vector, "address"),
                            .message = member(vector, "message"),
                            .signature = member(vector, "signature_b64")};
    SolanaPolicy policy = TestWallet::policy();
    EXPECT_NE(verdict(proof, policy), "accepted");
    policy.domains = {"supabase.com", "supabase.green"};
    EXPECT_FALSE(verify_solana(proof, policy, *parse_rfc3339("2025-03-29T00:00:01Z")));
    EXPECT_FALSE(verify_solana(proof, policy, *parse_rfc3339("2025-07-29T22:29:53Z")));
  }
  const boost::json::array all = vectors();
  const Result<WalletClaim> first =
      verify_solana({.address = member(all[0], "address"),
                     .message = member(all[0], "message"),
                     .signature = member(all[0], "signature_b64")},
                    {.domains = {"supabase.com"}}, *parse_rfc3339("2025-03-29T00:00:01Z"));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::nonce_missing);
}

const TestWallet kWallet('a');

TEST(KnownDefects, AMessageWithoutANonceWouldReplayForTenMinutes) {
  SolanaMessage message = kWallet.message();
  message.nonce.clear();
  EXPECT_EQ(verdict(kWallet.prove(message)), "nonce_missing");
}

TEST(KnownDefects, ExpirationTimeCountsWithoutNotBefore) {
  SolanaMessage message = kWallet.message();
  ASSERT_FALSE(message.not_before);
  message.issued_at = TestWallet::now() - 2min;
  message.expires_at = TestWallet::now() - 1min;
  EXPECT_EQ(verdict(kWallet.prove(message)), "message_expired");
}

TEST(KnownDefects, AddressesOutsideBase58AreRefusedInProofAndText) {
  for (const char bad : {'0', 'O', 'I', 'l'}) {
    SolanaMessage message = kWallet.message();
    message.address[5] = bad;
    SolanaProof proof = kWallet.prove(message);
    EXPECT_EQ(verdict(proof), "message_malformed") << bad;
    proof.address = message.address;
    EXPECT_EQ(verdict(proof), "address_invalid") << bad;
  }
}

TEST(KnownDefects, AddressesOfOtherThan32BytesAreARefusalNotACrash) {
  for (std::size_t bytes = 22; bytes <= 33; ++bytes) {
    const std::string address = base58_encode(std::string(bytes, '\x7f'));
    SolanaMessage message = kWallet.message();
    message.address = address;
    SolanaProof proof = kWallet.prove(message);
    proof.address = address;
    if (bytes != 32) EXPECT_EQ(verdict(proof), "address_invalid") << bytes;
    EXPECT_NE(verdict(proof), "accepted") << bytes;
  }
}

}  // namespace
}  // namespace gatecast::identity
