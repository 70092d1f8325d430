#include "session/challenge.hpp"

#include <gtest/gtest.h>

#include "identity/solana_message.hpp"
#include "session/test_wallet.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::milliseconds{1'800'000'000'250}};

class ChallengeTest : public testing::Test {
 protected:
  Result<Challenge> make(ChallengeRequest request) { return make_challenge(config_, nonces_, request, kNow); }
  ChallengeRequest request() { return {.chain = "solana", .address = wallet_.address()}; }
  std::optional<Errc> code(ChallengeRequest request) {
    Result<Challenge> made = make(std::move(request));
    return made.has_value() ? std::nullopt : std::optional{made.error().code};
  }
  /// What the verification says of a challenge the wallet has signed.
  Result<identity::WalletClaim> sign(const Challenge& challenge) {
    return identity::verify_solana(
        {.address = wallet_.address(), .message = challenge.message, .signature = wallet_.sign(challenge.message)},
        config_.policy, kNow);
  }

  TestWallet wallet_;
  SolanaSignIn config_{.policy = {.domains = {"example.com", "app.example.com:8443", "localhost:5173"},
                                  .uris = {"https://www.example.com"},
                                  .chains = {"mainnet", "solana:devnet"}},
                       .statement = "Sign in to Example."};
  NonceKeys nonces_ = *NonceKeys::make({{"1", Secret{std::string(32, 'a')}}});
};

TEST_F(ChallengeTest, SaysAllThatTheWalletSigns) {
  Result<Challenge> made = make(request());
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->message,
            fmt::format("example.com wants you to sign in with your Solana account:\n{}\n\n"
                        "Sign in to Example.\n\nURI: https://example.com\nVersion: 1\nChain ID: mainnet\n"
                        "Nonce: {}\nIssued At: 2027-01-15T08:00:00Z\n"
                        "Expiration Time: 2027-01-15T08:05:00Z",
                        wallet_.address(), made->input.nonce));
  Result<identity::SolanaMessage> parsed = identity::parse_solana_message(made->message);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->nonce, made->input.nonce);
  EXPECT_EQ(parsed->issued_at, made->input.issued_at);
  EXPECT_EQ(parsed->expires_at, made->input.expiration_time);
}

TEST_F(ChallengeTest, WhatWasIssuedIsAcceptedWhenSigned) {
  const std::vector<ChallengeRequest> requests{
      request(),
      {.chain = "solana", .address = wallet_.address(), .chain_id = "solana:mainnet"},
      {.chain = "solana", .address = wallet_.address(), .chain_id = "devnet"},
      {.chain = "solana", .address = wallet_.address(), .uri = "https://app.example.com:8443/login?x=1"},
      {.chain = "solana", .address = wallet_.address(), .uri = "http://localhost:5173/"},
      {.chain = "solana", .address = wallet_.address(), .uri = "https://www.example.com/a"},
      {.chain = "solana", .address = wallet_.address(), .origin = "https://app.example.com:8443"},
      {.chain = "solana", .address = wallet_.address(), .origin = "https://elsewhere.com"},
  };
  for (const ChallengeRequest& each : requests) {
    Result<Challenge> made = make(each);
    ASSERT_TRUE(made.has_value());
    Result<identity::WalletClaim> claim = sign(*made);
    ASSERT_TRUE(claim.has_value()) << made->message << '\n' << info(claim.error().code).name;
    EXPECT_TRUE(nonces_.open(claim->nonce, {Purpose::signin, kChainSolana, claim->address, claim->domain}, kNow));
  }
}

TEST_F(ChallengeTest, TheUriOrTheOriginChoosesTheDomain) {
  ChallengeRequest by_uri = request();
  by_uri.uri = "http://localhost:5173/x";
  EXPECT_EQ(make(by_uri)->input.domain, "localhost:5173");
  ChallengeRequest by_origin = request();
  by_origin.origin = "https://app.example.com:8443";
  EXPECT_EQ(make(by_origin)->input.domain, "app.example.com:8443");
  EXPECT_EQ(make(by_origin)->input.uri, "https://app.example.com:8443");
  by_origin.origin = "null";
  EXPECT_EQ(make(by_origin)->input.domain, "example.com");
}

TEST_F(ChallengeTest, RefusesUrisOutsideThePolicy) {
  for (const char* uri :
       {"https://evil.com", "http://example.com", "ftp://example.com", "example.com", "",
        "https://example.com.evil.com", "https://example.com@evil.com", "https://evil.com/example.com",
        "https://example.com\nNonce: 12345678", "https://example.com/ x", "https://"}) {
    ChallengeRequest bad = request();
    bad.uri = uri;
    EXPECT_EQ(code(bad), Errc::uri_mismatch) << uri;
  }
  ChallengeRequest long_uri = request();
  long_uri.uri = "https://example.com/" + std::string(3'000, 'x');
  EXPECT_EQ(code(long_uri), Errc::uri_mismatch);
}

TEST_F(ChallengeTest, RefusesOtherChainsAndAddresses) {
  EXPECT_EQ(code({.chain = "ethereum"}), Errc::chain_unsupported);
  EXPECT_EQ(code({.chain = ""}), Errc::chain_unsupported);
  EXPECT_EQ(code({.chain = "solana", .address = ""}), Errc::address_invalid);
  EXPECT_EQ(code({.chain = "solana", .address = "0OIl"}), Errc::address_invalid);
  EXPECT_EQ(code({.chain = "solana", .address = base58_encode(std::string(32, '\0'))}), Errc::address_weak);
  EXPECT_EQ(code({.chain = "solana", .chain_id = "testnet"}), Errc::chain_mismatch);
  EXPECT_EQ(code({.chain = "solana", .chain_id = ""}), Errc::chain_mismatch);
  config_.enabled = false;
  EXPECT_EQ(code(request()), Errc::signin_disabled);
}

TEST_F(ChallengeTest, WithoutAddressThereIsNoTextAndTheNonceFitsAny) {
  Result<Challenge> made = make({.chain = "solana"});
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->message, "");
  EXPECT_EQ(made->input.address, "");
  Result<OpenedNonce> opened =
      nonces_.open(made->input.nonce, {Purpose::signin, kChainSolana, wallet_.address(), "example.com"}, kNow);
  ASSERT_TRUE(opened.has_value());
  EXPECT_FALSE(opened->address_bound);
}

TEST_F(ChallengeTest, TheChainIdIsTheFirstAllowedWhereMainnetIsNot) {
  config_.policy.chains = {"devnet", "testnet"};
  EXPECT_EQ(make(request())->input.chain_id, "devnet");
  config_.policy.chains.clear();
  Result<Challenge> none = make(request());
  EXPECT_EQ(none->input.chain_id, "");
  EXPECT_EQ(none->message.find("Chain ID"), std::string::npos);
}

TEST_F(ChallengeTest, AConfigurationThatCannotWorkIsNamed) {
  EXPECT_TRUE(check_solana_sign_in(config_).has_value());
  SolanaSignIn bad = config_;
  bad.policy.domains.clear();
  EXPECT_FALSE(check_solana_sign_in(bad).has_value());
  bad = config_;
  bad.uri = "https://elsewhere.com";
  EXPECT_FALSE(check_solana_sign_in(bad).has_value());
  bad = config_;
  bad.statement = "two\n\nNonce: x";
  EXPECT_FALSE(check_solana_sign_in(bad).has_value());
  bad.enabled = false;
  EXPECT_TRUE(check_solana_sign_in(bad).has_value());
}

}  // namespace
}  // namespace gatecast::session
