#include "identity/solana.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "identity/test_wallet.hpp"

namespace gatecast::identity {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

const TestWallet kWallet('a');
const TestWallet kOther('b');
const WallTime kNow = TestWallet::now();

// The code of the refusal, or "accepted".
std::string verdict(const SolanaProof& proof, const SolanaPolicy& policy = TestWallet::policy(), WallTime now = kNow) {
  const Result<WalletClaim> claim = verify_solana(proof, policy, now);
  return claim ? "accepted" : std::string(info(claim.error().code).name);
}

std::string verdict_of(const SolanaMessage& message) { return verdict(kWallet.prove(message)); }

TEST(Solana, AcceptsAndSaysWhatWasSigned) {
  SolanaMessage message = kWallet.message();
  message.request_id = "req-7";
  message.not_before = kNow - 1min;
  const Result<WalletClaim> claim = verify_solana(kWallet.prove(message), TestWallet::policy(), kNow);
  ASSERT_TRUE(claim) << claim.error().detail;
  EXPECT_EQ(claim->address, kWallet.address());
  EXPECT_EQ(claim->domain, "app.example");
  EXPECT_EQ(claim->nonce, message.nonce);
  EXPECT_EQ(claim->statement, message.statement);
  EXPECT_EQ(claim->uri, message.uri);
  EXPECT_EQ(claim->chain_id, "mainnet");
  EXPECT_EQ(claim->request_id, "req-7");
  EXPECT_EQ(claim->issued_at, message.issued_at);
  EXPECT_EQ(claim->expires_at, message.expires_at);
  EXPECT_EQ(claim->not_before, message.not_before);
}

TEST(Solana, AcceptsTheThreeFormsOfASignature) {
  const std::string text = format_solana_message(kWallet.message());
  SolanaProof proof = kWallet.prove(text);
  proof.signature = base64url_encode(kWallet.sign(text));
  EXPECT_EQ(verdict(proof), "accepted");
  proof.signature = base58_encode(kWallet.sign(text));
  EXPECT_EQ(verdict(proof), "accepted");
}

struct Rule {
  const char* name;
  std::function<void(SolanaMessage&)> change;
  const char* expected;
};

WallTime at(const char* text) { return *parse_rfc3339(text); }

TEST(Solana, FieldsDecide) {
  const Rule rules[] = {
      {"as the challenge", [](auto&) {}, "accepted"},
      // who
      {"other address", [](auto& m) { m.address = kOther.address(); }, "address_mismatch"},
      // where
      {"second domain", [](auto& m) { m.domain = "localhost:3002", m.uri = "http://localhost:3002"; }, "accepted"},
      {"foreign domain", [](auto& m) { m.domain = "evil.example"; }, "domain_mismatch"},
      {"subdomain", [](auto& m) { m.domain = "x.app.example"; }, "domain_mismatch"},
      {"parent domain", [](auto& m) { m.domain = "example"; }, "domain_mismatch"},
      {"suffix", [](auto& m) { m.domain = "app.example.evil.example"; }, "domain_mismatch"},
      {"port that is not ours", [](auto& m) { m.domain = "app.example:8443"; }, "domain_mismatch"},
      {"missing port", [](auto& m) { m.domain = "localhost", m.uri = ""; }, "domain_mismatch"},
      {"other port", [](auto& m) { m.domain = "localhost:3003", m.uri = ""; }, "domain_mismatch"},
      {"other case", [](auto& m) { m.domain = "App.example"; }, "domain_mismatch"},
      {"scheme in the domain", [](auto& m) { m.domain = "https://app.example"; }, "domain_mismatch"},
      // URI
      {"no uri", [](auto& m) { m.uri = ""; }, "accepted"},
      {"bare origin", [](auto& m) { m.uri = "https://app.example"; }, "accepted"},
      {"query", [](auto& m) { m.uri = "https://app.example?next=https://evil.example"; }, "accepted"},
      {"fragment", [](auto& m) { m.uri = "https://app.example#x"; }, "accepted"},
      {"configured origin", [](auto& m) { m.uri = "https://www.app.example/x"; }, "accepted"},
      {"configured origin by http", [](auto& m) { m.uri = "http://www.app.example/x"; }, "uri_mismatch"},
      {"configured origin as prefix", [](auto& m) { m.uri = "https://www.app.example.evil.example"; }, "uri_mismatch"},
      {"http", [](auto& m) { m.uri = "http://app.example/login"; }, "uri_mismatch"},
      {"ftp", [](auto& m) { m.uri = "ftp://app.example/login"; }, "uri_mismatch"},
      {"javascript", [](auto& m) { m.uri = "javascript:alert(1)"; }, "uri_mismatch"},
      {"no scheme", [](auto& m) { m.uri = "app.example/login"; }, "uri_mismatch"},
      {"empty host", [](auto& m) { m.uri = "https:///login"; }, "uri_mismatch"},
      {"other host", [](auto& m) { m.uri = "https://evil.example/app.example"; }, "uri_mismatch"},
      {"host as user", [](auto& m) { m.uri = "https://app.example@evil.example/"; }, "uri_mismatch"},
      {"user", [](auto& m) { m.uri = "https://me@app.example/"; }, "uri_mismatch"},
      {"backslash", [](auto& m) { m.uri = "https://evil.example\\@app.example/"; }, "uri_mismatch"},
      {"longer host", [](auto& m) { m.uri = "https://app.example.evil.example/"; }, "uri_mismatch"},
      {"port", [](auto& m) { m.uri = "https://app.example:8443/"; }, "uri_mismatch"},
      {"other domain of ours", [](auto& m) { m.uri = "http://localhost:3002/"; }, "uri_mismatch"},
      {"https on localhost", [](auto& m) { m.domain = "localhost:3002", m.uri = "https://localhost:3002"; },
       "accepted"},
      {"other local port", [](auto& m) { m.domain = "localhost:3002", m.uri = "http://localhost:1"; }, "uri_mismatch"},
      // version
      {"no version", [](auto& m) { m.version = ""; }, "accepted"},
      {"version 2", [](auto& m) { m.version = "2"; }, "version_unsupported"},
      {"version 1.0", [](auto& m) { m.version = "1.0"; }, "version_unsupported"},
      {"version 01", [](auto& m) { m.version = "01"; }, "version_unsupported"},
      // chain
      {"no chain", [](auto& m) { m.chain_id = ""; }, "accepted"},
      {"long name", [](auto& m) { m.chain_id = "solana:mainnet"; }, "accepted"},
      {"short name", [](auto& m) { m.chain_id = "devnet"; }, "accepted"},
      {"genesis hash", [](auto& m) { m.chain_id = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"; }, "accepted"},
      {"bare hash", [](auto& m) { m.chain_id = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"; }, "chain_mismatch"},
      {"other hash", [](auto& m) { m.chain_id = "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z"; }, "chain_mismatch"},
      {"testnet", [](auto& m) { m.chain_id = "testnet"; }, "chain_mismatch"},
      {"long testnet", [](auto& m) { m.chain_id = "solana:testnet"; }, "chain_mismatch"},
      {"ethereum", [](auto& m) { m.chain_id = "1"; }, "chain_mismatch"},
      {"prefix twice", [](auto& m) { m.chain_id = "solana:solana:mainnet"; }, "chain_mismatch"},
      {"prefix alone", [](auto& m) { m.chain_id = "solana:"; }, "chain_mismatch"},
      {"upper case", [](auto& m) { m.chain_id = "Mainnet"; }, "chain_mismatch"},
      // nonce
      {"no nonce", [](auto& m) { m.nonce = ""; }, "nonce_missing"},
      {"seven characters", [](auto& m) { m.nonce = "abcdefg"; }, "nonce_missing"},
      {"eight characters", [](auto& m) { m.nonce = "abcdefg8"; }, "accepted"},
      {"not alphanumeric", [](auto& m) { m.nonce = "abcdefgh-"; }, "nonce_missing"},
      // times
      {"expires now", [](auto& m) { m.expires_at = kNow; }, "message_expired"},
      {"expires next", [](auto& m) { m.expires_at = kNow + 1ms; }, "accepted"},
      {"expired", [](auto& m) { m.issued_at = kNow - 2min, m.expires_at = kNow - 1min; }, "message_expired"},
      {"expired, no not before", [](auto& m) { m.issued_at.reset(), m.expires_at = kNow - 1ms; }, "message_expired"},
      {"expired, with not before",
       [](auto& m) { m.issued_at.reset(), m.expires_at = kNow - 1ms, m.not_before = kNow - 1min; }, "message_expired"},
      {"valid from now", [](auto& m) { m.not_before = kNow; }, "accepted"},
      {"valid from next", [](auto& m) { m.not_before = kNow + 1ms; }, "message_not_yet_valid"},
      {"issued ten minutes ago", [](auto& m) { m.issued_at = kNow - 10min; }, "accepted"},
      {"issued earlier", [](auto& m) { m.issued_at = kNow - 10min - 1ms; }, "message_stale"},
      {"issued in ten minutes", [](auto& m) { m.issued_at = kNow + 10min, m.expires_at.reset(); }, "accepted"},
      {"issued later", [](auto& m) { m.issued_at = kNow + 10min + 1ms, m.expires_at.reset(); }, "message_stale"},
      {"issued in year one", [](auto& m) { m.issued_at = at("0001-01-01T00:00:00Z"); }, "message_stale"},
      {"issued in year 9999", [](auto& m) { m.issued_at = at("9999-12-31T23:59:59Z"), m.expires_at.reset(); },
       "message_stale"},
      {"no issued at", [](auto& m) { m.issued_at.reset(); }, "accepted"},
      {"no expiry", [](auto& m) { m.expires_at.reset(); }, "accepted"},
      {"neither", [](auto& m) { m.issued_at.reset(), m.expires_at.reset(); }, "message_stale"},
      {"issued after expiry", [](auto& m) { m.issued_at = *m.expires_at + 1ms; }, "message_times"},
      {"valid after expiry", [](auto& m) { m.not_before = *m.expires_at + 1ms; }, "message_times"},
      {"all in one instant", [](auto& m) { m.not_before = kNow, m.expires_at = kNow; }, "message_expired"},
      // what is free
      {"no statement", [](auto& m) { m.statement = ""; }, "accepted"},
      {"other statement", [](auto& m) { m.statement = "Grüße\n\n世界"; }, "accepted"},
      {"resources", [](auto& m) { m.resources = {"https://evil.example"}; }, "accepted"},
  };
  for (const auto& rule : rules) {
    SolanaMessage message = kWallet.message();
    rule.change(message);
    EXPECT_EQ(verdict_of(message), rule.expected) << rule.name;
  }
}

TEST(Solana, LocalHostsMayUseHttp) {
  for (const char* domain : {"localhost", "localhost:3002", "127.0.0.1:80", "127.0.0.1", "[::1]", "[::1]:3002"}) {
    SolanaPolicy policy = TestWallet::policy();
    policy.domains = {domain};
    SolanaMessage message = kWallet.message();
    message.domain = domain;
    message.uri = "http://"s + domain + "/in";
    EXPECT_EQ(verdict(kWallet.prove(message), policy), "accepted") << domain;
  }
  for (const char* domain : {"127.0.0.2", "localhost.evil.example", "[::2]:80", "[::1", "xlocalhost", "192.168.0.1"}) {
    SolanaPolicy policy = TestWallet::policy();
    policy.domains = {domain};
    SolanaMessage message = kWallet.message();
    message.domain = domain;
    message.uri = "http://"s + domain + "/in";
    EXPECT_EQ(verdict(kWallet.prove(message), policy), "uri_mismatch") << domain;
  }
}

TEST(Solana, AnEmptyPolicyAllowsNothing) {
  SolanaPolicy policy = TestWallet::policy();
  policy.domains.clear();
  EXPECT_EQ(verdict(kWallet.prove(kWallet.message()), policy), "domain_mismatch");
  policy = TestWallet::policy();
  policy.chains.clear();
  EXPECT_EQ(verdict(kWallet.prove(kWallet.message()), policy), "chain_mismatch");
  SolanaMessage message = kWallet.message();
  message.chain_id.clear();
  EXPECT_EQ(verdict(kWallet.prove(message), policy), "accepted");
}

TEST(Solana, SizesComeFirst) {
  SolanaProof proof{.address = "nonsense", .message = std::string(63, 'x'), .signature = "nonsense"};
  EXPECT_EQ(verdict(proof), "message_malformed");
  proof.message.clear();
  EXPECT_EQ(verdict(proof), "message_malformed");
  proof.message = std::string(kMaxMessageBytes + 1, 'x');
  EXPECT_EQ(verdict(proof), "message_too_large");
  proof.message.clear();
  proof.signed_message = std::string(63, 'x');
  EXPECT_EQ(verdict(proof), "message_malformed");
  proof.signed_message = std::string(kMaxMessageBytes + kMaxPreambleBytes + 1, 'x');
  EXPECT_EQ(verdict(proof), "message_too_large");
}

TEST(Solana, TextOfTheLargestSize) {
  SolanaMessage message = kWallet.message();
  message.statement.clear();
  message.statement = std::string(kMaxMessageBytes - format_solana_message(message).size() - 2, 's');
  std::string text = format_solana_message(message);
  ASSERT_EQ(text.size(), kMaxMessageBytes);
  EXPECT_EQ(verdict(kWallet.prove(text)), "accepted");
  EXPECT_EQ(verdict(kWallet.prove_bytes(text)), "accepted");
  SolanaEnvelope envelope = kWallet.envelope(text);
  envelope.format = 2;
  EXPECT_EQ(verdict(kWallet.prove_bytes(*seal_envelope(envelope))), "accepted");
  message.statement += 's';
  text = format_solana_message(message);
  EXPECT_EQ(verdict(kWallet.prove_bytes(text)), "message_too_large");
}

TEST(Solana, FormsComeBeforeTheSignature) {
  SolanaProof proof = kWallet.prove(kWallet.message());
  proof.signature = "nonsense";
  EXPECT_EQ(verdict(proof), "signature_malformed");
  proof.address = "nonsense";
  EXPECT_EQ(verdict(proof), "address_invalid");
  proof.address = std::string(32, '1');
  EXPECT_EQ(verdict(proof), "address_weak");
}

TEST(Solana, SignedTextMustBeASignInMessage) {
  const std::string texts[] = {
      std::string(64, 'x'),
      "Please sign this harmless greeting, which has enough bytes but is no sign-in message at all.",
      format_solana_message(kWallet.message()) + "\nColour: red",
  };
  for (const auto& text : texts) {
    EXPECT_EQ(verdict(kWallet.prove(text)), "message_malformed") << text;
    EXPECT_EQ(verdict(kWallet.prove_bytes(text)), "message_malformed") << text;
  }
  // A short text in a long envelope.
  EXPECT_EQ(verdict(kWallet.prove_bytes(*seal_envelope(kWallet.envelope("short")))), "message_malformed");
}

TEST(Solana, AnotherKeysSignatureIsRefused) {
  const std::string text = format_solana_message(kWallet.message());
  SolanaProof proof = kOther.prove(text);
  EXPECT_EQ(verdict(proof), "address_mismatch");
  proof.address = kWallet.address();
  EXPECT_EQ(verdict(proof), "signature_invalid");
}

TEST(Solana, EveryChangedByteOfTextOrSignatureIsRefused) {
  const std::string text = format_solana_message(kWallet.message());
  const SolanaProof good = kWallet.prove_bytes(text);
  ASSERT_EQ(verdict(good), "accepted");
  for (std::size_t i = 0; i < text.size(); ++i) {
    SolanaProof proof = good;
    proof.signed_message[i] ^= 1;
    EXPECT_EQ(verdict(proof), "signature_invalid") << i;
  }
  const std::string signature = kWallet.sign(text);
  for (std::size_t i = 0; i < signature.size(); ++i) {
    SolanaProof proof = good;
    std::string changed = signature;
    changed[i] ^= 1;
    proof.signature = base64_encode(changed);
    EXPECT_EQ(verdict(proof), "signature_invalid") << i;
  }
}

TEST(Solana, CutAnywhereIsRefused) {
  const std::string text = format_solana_message(kWallet.message());
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    SolanaProof proof = kWallet.prove_bytes(text);
    proof.signed_message.resize(cut);
    EXPECT_NE(verdict(proof), "accepted") << cut;
  }
}

}  // namespace
}  // namespace gatecast::identity
