#include "identity/ethereum.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "identity/test_ethereum.hpp"

namespace gatecast::identity {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

const EthereumTestWallet kWallet('a');
const EthereumTestWallet kOther('b');
const WallTime kNow = EthereumTestWallet::now();

// The code of the refusal, or "accepted".
std::string verdict(const EthereumProof& proof, const EthereumPolicy& policy = EthereumTestWallet::policy(),
                    WallTime now = kNow) {
  const Result<WalletClaim> claim = verify_ethereum(proof, policy, now);
  return claim ? "accepted" : std::string(info(claim.error().code).name);
}

TEST(Ethereum, AcceptsAndSaysWhatWasSigned) {
  EthereumMessage message = kWallet.message();
  message.request_id = "req-7";
  message.not_before = kNow - 1min;
  const Result<WalletClaim> claim = verify_ethereum(kWallet.prove(message), EthereumTestWallet::policy(), kNow);
  ASSERT_TRUE(claim) << claim.error().detail;
  EXPECT_EQ(claim->address, kWallet.address());
  EXPECT_EQ(claim->domain, "app.example");
  EXPECT_EQ(claim->nonce, message.nonce);
  EXPECT_EQ(claim->statement, message.statement);
  EXPECT_EQ(claim->uri, message.uri);
  EXPECT_EQ(claim->chain_id, "1");
  EXPECT_EQ(claim->request_id, "req-7");
  EXPECT_EQ(claim->issued_at, message.issued_at);
  EXPECT_EQ(claim->expires_at, message.expires_at);
  EXPECT_EQ(claim->not_before, message.not_before);
}

TEST(Ethereum, TheHashIsThatOfEip191) {
  EXPECT_EQ(hex_encode(personal_message_hash("Some data")),
            "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655");
  // The length counts bytes, not characters.
  EXPECT_NE(personal_message_hash("\xc3\xa9"), personal_message_hash("e"));
}

struct Rule {
  const char* name;
  std::function<void(EthereumMessage&)> change;
  const char* expected;
};

WallTime at(const char* text) { return *parse_rfc3339(text); }

TEST(Ethereum, FieldsDecide) {
  const Rule rules[] = {
      {"as the challenge", [](auto&) {}, "accepted"},
      // who
      {"other address", [](auto& m) { m.address = kOther.address(); }, "address_mismatch"},
      {"own address in lower case", [](auto& m) { m.address = kWallet.address(); }, "accepted"},
      {"wrong checksum", [](auto& m) { m.address = "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"; }, "address_checksum"},
      {"no address", [](auto& m) { m.address = "vitalik.eth"; }, "message_malformed"},
      // where
      {"second domain", [](auto& m) { m.domain = "localhost:3002", m.uri = "http://localhost:3002"; }, "accepted"},
      {"foreign domain", [](auto& m) { m.domain = "evil.example"; }, "domain_mismatch"},
      {"subdomain", [](auto& m) { m.domain = "x.app.example"; }, "domain_mismatch"},
      {"suffix", [](auto& m) { m.domain = "app.example.evil.example"; }, "domain_mismatch"},
      {"user before the domain", [](auto& m) { m.domain = "me@app.example"; }, "domain_mismatch"},
      {"port that is not ours", [](auto& m) { m.domain = "app.example:8443"; }, "domain_mismatch"},
      {"missing port", [](auto& m) { m.domain = "localhost", m.uri = "http://localhost"; }, "domain_mismatch"},
      {"other case", [](auto& m) { m.domain = "App.example"; }, "domain_mismatch"},
      {"scheme", [](auto& m) { m.scheme = "https"; }, "accepted"},
      {"unsafe scheme", [](auto& m) { m.scheme = "http"; }, "domain_mismatch"},
      {"other scheme", [](auto& m) { m.scheme = "ftp"; }, "domain_mismatch"},
      {"http on this machine",
       [](auto& m) { m.scheme = "http", m.domain = "localhost:3002", m.uri = "http://localhost:3002"; }, "accepted"},
      {"other scheme on this machine",
       [](auto& m) { m.scheme = "ftp", m.domain = "localhost:3002", m.uri = "http://localhost:3002"; },
       "domain_mismatch"},
      // URI
      {"ftp on this machine", [](auto& m) { m.domain = "localhost:3002", m.uri = "ftp://localhost:3002"; },
       "uri_mismatch"},
      {"configured origin", [](auto& m) { m.uri = "https://www.app.example/x"; }, "accepted"},
      {"configured origin by http", [](auto& m) { m.uri = "http://www.app.example/x"; }, "uri_mismatch"},
      {"http", [](auto& m) { m.uri = "http://app.example/login"; }, "uri_mismatch"},
      {"ftp", [](auto& m) { m.uri = "ftp://app.example/login"; }, "uri_mismatch"},
      {"javascript", [](auto& m) { m.uri = "javascript:alert(1)"; }, "uri_mismatch"},
      {"data", [](auto& m) { m.uri = "data:https://app.example"; }, "uri_mismatch"},
      {"host as user", [](auto& m) { m.uri = "https://app.example@evil.example/"; }, "uri_mismatch"},
      {"longer host", [](auto& m) { m.uri = "https://app.example.evil.example/"; }, "uri_mismatch"},
      {"port", [](auto& m) { m.uri = "https://app.example:8443/"; }, "uri_mismatch"},
      {"no URI at all", [](auto& m) { m.uri = ""; }, "message_malformed"},
      // version
      {"version 2", [](auto& m) { m.version = "2"; }, "version_unsupported"},
      {"version 1.0", [](auto& m) { m.version = "1.0"; }, "version_unsupported"},
      {"version 01", [](auto& m) { m.version = "01"; }, "version_unsupported"},
      {"no version", [](auto& m) { m.version = ""; }, "message_malformed"},
      // chain
      {"second chain", [](auto& m) { m.chain_id = 137; }, "accepted"},
      {"other chain", [](auto& m) { m.chain_id = 10; }, "chain_mismatch"},
      {"chain 0", [](auto& m) { m.chain_id = 0; }, "chain_mismatch"},
      {"chain that would wrap to 1 in 32 bits", [](auto& m) { m.chain_id = 4294967297U; }, "chain_mismatch"},
      // nonce
      {"seven characters", [](auto& m) { m.nonce = "abcdefg"; }, "nonce_missing"},
      {"eight characters", [](auto& m) { m.nonce = "abcdefg8"; }, "accepted"},
      {"not alphanumeric", [](auto& m) { m.nonce = "abcdefgh-"; }, "nonce_missing"},
      {"no nonce", [](auto& m) { m.nonce = ""; }, "message_malformed"},
      // times
      {"expires now", [](auto& m) { m.expires_at = kNow; }, "message_expired"},
      {"expires next", [](auto& m) { m.expires_at = kNow + 1ms; }, "accepted"},
      {"expired", [](auto& m) { m.issued_at = kNow - 2min, m.expires_at = kNow - 1min; }, "message_expired"},
      {"valid from now", [](auto& m) { m.not_before = kNow; }, "accepted"},
      {"valid from next", [](auto& m) { m.not_before = kNow + 1ms; }, "message_not_yet_valid"},
      {"issued ten minutes ago", [](auto& m) { m.issued_at = kNow - 10min; }, "accepted"},
      {"issued earlier", [](auto& m) { m.issued_at = kNow - 10min - 1ms; }, "message_stale"},
      {"issued in ten minutes", [](auto& m) { m.issued_at = kNow + 10min, m.expires_at.reset(); }, "accepted"},
      {"issued later", [](auto& m) { m.issued_at = kNow + 10min + 1ms, m.expires_at.reset(); }, "message_stale"},
      {"issued in year 9999", [](auto& m) { m.issued_at = at("9999-12-31T23:59:59Z"), m.expires_at.reset(); },
       "message_stale"},
      {"no expiry", [](auto& m) { m.expires_at.reset(); }, "accepted"},
      {"issued after expiry", [](auto& m) { m.issued_at = *m.expires_at + 1ms; }, "message_times"},
      {"valid after expiry", [](auto& m) { m.not_before = *m.expires_at + 1ms; }, "message_times"},
      // what is free
      {"no statement", [](auto& m) { m.statement = ""; }, "accepted"},
      {"other statement", [](auto& m) { m.statement = "Anything goes."; }, "accepted"},
      {"resources", [](auto& m) { m.resources = {"https://evil.example"}; }, "accepted"},
  };
  for (const auto& rule : rules) {
    EthereumMessage message = kWallet.message();
    rule.change(message);
    EXPECT_EQ(verdict(kWallet.prove(message)), rule.expected) << rule.name;
  }
}

TEST(Ethereum, AnEmptyPolicyAllowsNothing) {
  EthereumPolicy policy = EthereumTestWallet::policy();
  policy.domains.clear();
  EXPECT_EQ(verdict(kWallet.prove(kWallet.message()), policy), "domain_mismatch");
  policy = EthereumTestWallet::policy();
  policy.chains.clear();
  EXPECT_EQ(verdict(kWallet.prove(kWallet.message()), policy), "chain_mismatch");
}

TEST(Ethereum, OneBlankLineWithoutAStatement) {
  EthereumMessage message = kWallet.message();
  message.statement.clear();
  std::string text = format_ethereum_message(message);
  EXPECT_EQ(verdict(kWallet.prove(text)), "accepted");
  text.erase(text.find("\n\n\n"), 1);
  EXPECT_EQ(verdict(kWallet.prove(text)), "accepted");
}

TEST(Ethereum, ThirtyFirstOfFebruary) {
  std::string text = format_ethereum_message(kWallet.message());
  const std::size_t at = text.find("2025-06-01");
  text.replace(at, 10, "2025-02-31");
  EXPECT_EQ(verdict(kWallet.prove(text), EthereumTestWallet::policy(), *parse_rfc3339("2025-03-03T12:00:00Z")),
            "message_malformed");
}

TEST(Ethereum, SizesComeFirst) {
  EthereumProof proof{.address = "nonsense", .message = std::string(63, 'x'), .signature = "nonsense"};
  EXPECT_EQ(verdict(proof), "message_malformed");
  proof.message = std::string(kMaxMessageBytes + 1, 'x');
  EXPECT_EQ(verdict(proof), "message_too_large");
  EthereumMessage message = kWallet.message();
  message.statement += std::string(kMaxMessageBytes - format_ethereum_message(message).size(), 's');
  EXPECT_EQ(verdict(kWallet.prove(message)), "accepted");
}

TEST(Ethereum, FormsComeBeforeTheSignatureAndTheAddressBeforeBoth) {
  EthereumProof proof = kOther.prove(kWallet.message());
  proof.address = kWallet.address();
  EXPECT_EQ(verdict(proof), "signature_invalid");
  proof.signature = "nonsense";
  EXPECT_EQ(verdict(proof), "signature_malformed");
  proof.address = "nonsense";
  EXPECT_EQ(verdict(proof), "address_invalid");
  proof.address = "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
  EXPECT_EQ(verdict(proof), "address_checksum");
}

TEST(Ethereum, BothConventionsOfTheRecoveryId) {
  EthereumProof proof = kWallet.prove(kWallet.message());
  std::string bytes = kWallet.sign(proof.message);
  const auto v = static_cast<unsigned char>(bytes.back());
  bytes.back() = static_cast<char>(v - 27);
  proof.signature = hex_encode(bytes);
  EXPECT_EQ(verdict(proof), "accepted");
  bytes.back() = static_cast<char>(28 - v);
  proof.signature = hex_encode(bytes);
  EXPECT_EQ(verdict(proof), "signature_invalid");
  for (const int eip155 : {37, 38, 35, 36}) {
    bytes.back() = static_cast<char>(eip155);
    proof.signature = hex_encode(bytes);
    EXPECT_EQ(verdict(proof), "recovery_id_unsupported");
  }
}

// Anybody can turn (r, s, v) into (r, n - s, 1 - v), which the same key seems to have signed.
TEST(Ethereum, TheMalleableTwinOfASignatureIsRefused) {
  EthereumProof proof = kWallet.prove(kWallet.message());
  const std::string order = *hex_decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  std::string bytes = kWallet.sign(proof.message);
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int difference = static_cast<unsigned char>(order[i]) - static_cast<unsigned char>(bytes[32 + i]) - borrow;
    borrow = difference < 0 ? 1 : 0;
    bytes[32 + i] = static_cast<char>(difference + borrow * 256);
  }
  bytes.back() = static_cast<char>(27 + 28 - bytes.back());
  proof.signature = "0x" + hex_encode(bytes);
  EXPECT_EQ(verdict(proof), "signature_malleable");
}

TEST(Ethereum, ContractWalletsAreNamed) {
  EthereumProof proof = kWallet.prove(kWallet.message());
  const std::string good = proof.signature;
  proof.signature = good + good.substr(2);
  EXPECT_EQ(verdict(proof), "contract_wallet_unsupported");
  for (int i = 0; i < 16; ++i) proof.signature += "6492";
  EXPECT_EQ(verdict(proof), "contract_wallet_unsupported");
  proof.signature = good.substr(0, 130);  // 64 bytes, as EIP-2098 shortens them
  EXPECT_EQ(verdict(proof), "contract_wallet_unsupported");
}

TEST(Ethereum, SignedTextMustBeASignInMessage) {
  EXPECT_EQ(verdict(kWallet.prove(std::string(64, 'x'))), "message_malformed");
  EXPECT_EQ(verdict(kWallet.prove(format_ethereum_message(kWallet.message()) + "\nColour: red")), "message_malformed");
  EXPECT_EQ(verdict(kWallet.prove(format_ethereum_message(kWallet.message()) + "\n")), "message_malformed");
}

TEST(Ethereum, EveryChangedByteOfTextOrSignatureIsRefused) {
  const std::string text = format_ethereum_message(kWallet.message());
  const EthereumProof good = kWallet.prove(text);
  ASSERT_EQ(verdict(good), "accepted");
  for (std::size_t i = 0; i < text.size(); ++i) {
    EthereumProof proof = good;
    proof.message[i] ^= 1;
    EXPECT_EQ(verdict(proof), "signature_invalid") << i;
  }
  const std::string signature = kWallet.sign(text);
  for (std::size_t i = 0; i < signature.size(); ++i) {
    for (const int bit : {1, 0x80}) {
      EthereumProof proof = good;
      std::string changed = signature;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      proof.signature = hex_encode(changed);
      EXPECT_NE(verdict(proof), "accepted") << i;
    }
  }
}

TEST(Ethereum, CutAnywhereIsRefused) {
  const EthereumProof good = kWallet.prove(kWallet.message());
  for (std::size_t cut = 0; cut < good.message.size(); ++cut) {
    EthereumProof proof = good;
    proof.message.resize(cut);
    EXPECT_NE(verdict(proof), "accepted") << cut;
    // The same cut by the wallet itself: the text must be whole, whatever was signed.
    const std::string text = good.message.substr(0, cut);
    if (cut < good.message.find("\nExpiration Time")) EXPECT_NE(verdict(kWallet.prove(text)), "accepted") << cut;
  }
  for (std::size_t cut = 0; cut < good.signature.size(); ++cut) {
    EthereumProof proof = good;
    proof.signature.resize(cut);
    EXPECT_NE(verdict(proof), "accepted") << cut;
  }
}

TEST(Ethereum, AnyKeyMaySign) {
  for (int seed = 1; seed < 40; ++seed) {
    const EthereumTestWallet wallet(static_cast<char>(seed));
    EXPECT_EQ(verdict(wallet.prove(wallet.message())), "accepted") << seed;
  }
}

}  // namespace
}  // namespace gatecast::identity
