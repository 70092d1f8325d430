#include "identity/contract_wallet.hpp"
#include "identity/ethereum_address.hpp"
#include "identity/ethereum_message.hpp"
#include "identity/test_ethereum.hpp"
#include "session/identity_fixture.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kContract = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
constexpr std::string_view kYes = "0x1626ba7e00000000000000000000000000000000000000000000000000000000";

class EthereumSignInTest : public IdentityTest {
 protected:
  Challenge challenge(const std::string& address, ChallengeRequest request = {.chain = "ethereum"}) {
    request.address = address;
    Result<Challenge> made = sessions_->challenge(request);
    EXPECT_TRUE(made.has_value()) << info(made.error().code).name;
    return *made;
  }
  WalletSignIn signed_by(const identity::EthereumTestWallet& wallet, const std::string& text) {
    return {.chain = "ethereum",
            .address = wallet.address(),
            .message = text,
            .signature = "0x" + hex_encode(wallet.sign(text))};
  }
  WalletSignIn signed_challenge(ChallengeRequest request = {.chain = "ethereum"}) {
    return signed_by(ethereum_, challenge(ethereum_.address(), std::move(request)).message);
  }
  /// What a contract wallet sends: bytes that no key of ours made.
  WalletSignIn contract_proof(std::string signature, ChallengeRequest request = {.chain = "ethereum"}) {
    return {.chain = "ethereum",
            .address = std::string(kContract),
            .message = challenge(std::string(kContract), std::move(request)).message,
            .signature = std::move(signature)};
  }
  void with_node() {
    restart([](SessionOptions& options) { options.ethereum.rpc_url = "https://node.example/rpc"; });
  }
  void node_says(std::string body, unsigned status = 200) {
    outbound_.answer = [body, status](const auto&) { return outbound::Reply{.status = status, .body = body}; };
  }
  void node_result(std::string_view result) {
    node_says(fmt::format(R"({{"jsonrpc":"2.0","id":1,"result":"{}"}})", result));
  }

  identity::EthereumTestWallet ethereum_{'e'};
};

TEST_F(EthereumSignInTest, TheTextIsEip4361sAndSignsIn) {
  const Challenge made = challenge(ethereum_.address());
  EXPECT_EQ(made.message, fmt::format("example.com wants you to sign in with your Ethereum account:\n{}\n\nSign in.\n\n"
                                      "URI: https://example.com\nVersion: 1\nChain ID: 1\nNonce: {}\n"
                                      "Issued At: 2027-01-15T08:00:00Z\nExpiration Time: 2027-01-15T08:05:00Z",
                                      identity::with_checksum(ethereum_.address()), made.input.nonce));
  const Tokens tokens = signed_in(signed_by(ethereum_, made.message));
  EXPECT_EQ(tokens.subject, ethereum_.address());
  EXPECT_EQ(tokens.kind, "ethereum");
  EXPECT_EQ(tokens.session.how, "ethereum");
}

TEST_F(EthereumSignInTest, TheSpellingOfTheAddressMakesNoOtherUser) {
  const Tokens lower = signed_in(signed_challenge());
  WalletSignIn spelled = signed_challenge();
  spelled.address = identity::with_checksum(ethereum_.address());
  EXPECT_EQ(signed_in(spelled).user.id, lower.user.id);
}

TEST_F(EthereumSignInTest, ChainsAreThoseOfTheConfiguration) {
  EXPECT_EQ(challenge(ethereum_.address(), {.chain = "ethereum", .chain_id = "137"}).input.chain_id, "137");
  for (const char* bad : {"5", "0x1", "1 ", "+1", "", "eip155:1", "99999999999999999999"}) {
    EXPECT_EQ(code(sessions_->challenge({.chain = "ethereum", .chain_id = bad})), Errc::chain_mismatch) << bad;
  }
  EXPECT_EQ(code(sessions_->challenge({.chain = "ethereum", .address = "0x12"})), Errc::address_invalid);
  EXPECT_EQ(code(sessions_->challenge({.chain = "bitcoin"})), Errc::chain_unsupported);
}

TEST_F(EthereumSignInTest, WhatProvesNothingIsRefused) {
  const WalletSignIn once = signed_challenge();
  ASSERT_TRUE(sign_in(once).has_value());
  EXPECT_EQ(code(sign_in(once)), Errc::nonce_used);
  EXPECT_EQ(code(sign_in(signed_challenge({.chain = "ethereum", .purpose = Purpose::link}))), Errc::nonce_purpose);
  WalletSignIn stolen = signed_challenge();
  stolen.address = identity::EthereumTestWallet{'f'}.address();
  EXPECT_EQ(code(sign_in(stolen)), Errc::signature_invalid);
  WalletSignIn empty = signed_challenge();
  empty.signature.clear();
  EXPECT_EQ(code(sign_in(empty)), Errc::challenge_required);
  // A nonce of the other chain, in a good text of this one.
  Result<Challenge> solana = sessions_->challenge({.chain = "solana"});
  identity::EthereumMessage message{.domain = "example.com",
                                    .address = ethereum_.address(),
                                    .uri = "https://example.com",
                                    .chain_id = 1,
                                    .nonce = solana->input.nonce,
                                    .issued_at = clock_.wall()};
  EXPECT_EQ(code(sign_in(signed_by(ethereum_, identity::format_ethereum_message(message)))), Errc::nonce_invalid);
  restart([](SessionOptions& options) { options.ethereum.enabled = false; });
  EXPECT_EQ(code(sign_in(once)), Errc::signin_disabled);
}

TEST_F(EthereumSignInTest, WithoutANodeAContractIsRefusedByName) {
  EXPECT_EQ(code(sign_in(contract_proof("0x" + std::string(200, 'a')))), Errc::contract_wallet_unsupported);
  EXPECT_EQ(code(sign_in(contract_proof("0x" + std::string(130, '1')))), Errc::recovery_id_unsupported);
  EXPECT_TRUE(outbound_.requests.empty());
}

TEST_F(EthereumSignInTest, TheContractSaysWhetherItSigned) {
  with_node();
  node_result(kYes);
  const WalletSignIn shown = contract_proof("0xabcdef");
  const Tokens tokens = signed_in(shown);
  EXPECT_EQ(tokens.subject, kContract);
  ASSERT_EQ(outbound_.requests.size(), 1U);
  // The call's data, put together from the ABI's description: selector, hash, offset, length, bytes.
  const std::string hash = hex_encode(identity::personal_message_hash(shown.message));
  EXPECT_EQ(
      outbound_.requests[0].body,
      fmt::format(R"({{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{{"to":"{}","data":"0x1626ba7e{}{}{}{}"}},)"
                  R"("latest"]}})",
                  kContract, hash, std::string(62, '0') + "40", std::string(63, '0') + "3",
                  "abcdef" + std::string(58, '0')));
  EXPECT_EQ(code(sign_in(shown)), Errc::nonce_used);
  // As long as a key's signature, which it is not.
  EXPECT_TRUE(sign_in(contract_proof("0x" + std::string(130, '1'))).has_value());
}

TEST_F(EthereumSignInTest, AnyOtherAnswerIsNoSignature) {
  with_node();
  const WalletSignIn shown = contract_proof("0xabcdef");
  const std::string yes(kYes);
  const std::string wrong[] = {"0x",
                               "",
                               "0x1626ba7e",
                               yes.substr(2),
                               yes + "00",
                               "0x" + std::string(64, '0'),
                               "0xffffffff" + std::string(56, '0'),
                               yes.substr(0, 65) + "1",
                               "0x" + std::string(56, '0') + "1626ba7e"};
  for (const std::string& result : wrong) {
    node_result(result);
    EXPECT_EQ(code(sign_in(shown)), Errc::contract_wallet_unsupported) << result;
  }
  node_says(R"({"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted"}})");
  EXPECT_EQ(code(sign_in(shown)), Errc::contract_wallet_unsupported);
  const std::pair<std::string, unsigned> broken[] = {
      {fmt::format(R"({{"jsonrpc":"2.0","id":1,"result":"{}"}})", yes), 500},
      {fmt::format(R"({{"jsonrpc":"2.0","id":2,"result":"{}"}})", yes), 200},
      {fmt::format(R"({{"jsonrpc":"2.0","result":"{}"}})", yes), 200},
      {R"({"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"limit exceeded"}})", 200},
      {R"({"jsonrpc":"2.0","id":1,"result":true})", 200},
      {R"({"jsonrpc":"2.0","id":1})", 200},
      {"<html>", 200}};
  for (const auto& [body, status] : broken) {
    node_says(body, status);
    EXPECT_EQ(code(sign_in(shown)), Errc::temporarily_unavailable) << body;
  }
  node_result(kYes);
  EXPECT_TRUE(sign_in(shown).has_value()) << "the refusals have used nothing up";
}

TEST_F(EthereumSignInTest, TheNodeIsAskedLastAndForItsChainAlone) {
  with_node();
  node_result(kYes);
  WalletSignIn other_text = contract_proof("0xabcdef");
  other_text.message.replace(other_text.message.find("Nonce: ") + 7, 8, "abcdefgh");
  EXPECT_EQ(code(sign_in(other_text)), Errc::nonce_invalid);
  WalletSignIn other_address = contract_proof("0xabcdef");
  other_address.address = ethereum_.address();
  EXPECT_EQ(code(sign_in(other_address)), Errc::address_mismatch);
  EXPECT_EQ(code(sign_in(contract_proof("0xabcdef", {.chain = "ethereum", .chain_id = "137"}))),
            Errc::contract_wallet_unsupported);
  std::string undeployed = "0xabcdef";
  for (int i = 0; i < 16; ++i) undeployed += "6492";
  EXPECT_EQ(code(sign_in(contract_proof(undeployed))), Errc::contract_wallet_unsupported);
  EXPECT_EQ(code(sign_in(contract_proof("0x" + std::string(20000, 'a')))), Errc::signature_malformed);
  EXPECT_EQ(code(sign_in(contract_proof("0xabc"))), Errc::signature_malformed);
  EXPECT_TRUE(outbound_.requests.empty());
}

TEST_F(EthereumSignInTest, AWalletOfBothChainsLinks) {
  const Tokens tokens = signed_in(proof(wallet_));
  ASSERT_TRUE(link(tokens, signed_challenge({.chain = "ethereum", .purpose = Purpose::link})).has_value());
  EXPECT_EQ(signed_in(signed_challenge()).user.id, tokens.user.id);
  EXPECT_NE(
      challenge(ethereum_.address(), {.chain = "ethereum", .purpose = Purpose::link}).message.find(kLinkStatement),
      std::string::npos);
}

TEST_F(EthereumSignInTest, ASetUpThatCouldNotWorkIsRefusedAtStart) {
  const auto made = [this](auto change) {
    SessionOptions options = identity_options();
    change(options.ethereum);
    return code(Sessions::make(std::move(options), kKeys, {*store_, clock_, issuer_, verifier_}));
  };
  EXPECT_EQ(made([](EthereumSignIn&) {}), std::nullopt);
  EXPECT_EQ(made([](EthereumSignIn& e) { e.policy.chains.clear(); }), Errc::config_invalid);
  EXPECT_EQ(made([](EthereumSignIn& e) { e.policy.domains.clear(); }), Errc::config_invalid);
  EXPECT_EQ(made([](EthereumSignIn& e) { e.statement = "two\nlines"; }), Errc::config_invalid);
  EXPECT_EQ(made([](EthereumSignIn& e) { e.uri = "https://elsewhere.example"; }), Errc::config_invalid);
  EXPECT_EQ(made([](EthereumSignIn& e) { e.rpc_url = "https://node.example"; }), Errc::config_invalid)
      << "nothing to ask with";
  EXPECT_EQ(made([](EthereumSignIn& e) {
              e.rpc_url = "https://node.example";
              e.rpc_chain = 5;
            }),
            Errc::config_invalid);
}

}  // namespace
}  // namespace gatecast::session
