#include "identity/solana_message.hpp"

#include <gtest/gtest.h>

#include "identity/test_wallet.hpp"

namespace gatecast::identity {
namespace {

using namespace std::string_literals;

const std::string kAddress = "2EZEiBdw47VHT6SpZSW9VnuSvBe7DxuYHBTxj19gxvv8";
const std::string kHead = "app.example wants you to sign in with your Solana account:\n" + kAddress;

SolanaMessage bare() { return {.domain = "app.example", .address = kAddress}; }

SolanaMessage full() {
  SolanaMessage m = bare();
  m.statement = "First line, ünïcode.\n\nSecond paragraph.";
  m.uri = "https://app.example:8443/in?a=b#c";
  m.version = "1";
  m.chain_id = "solana:mainnet";
  m.nonce = "abcDEF123456";
  m.issued_at = parse_rfc3339("2025-06-01T12:00:00.250Z");
  m.expires_at = parse_rfc3339("2025-06-01T12:05:00Z");
  m.not_before = parse_rfc3339("2025-06-01T11:59:00Z");
  m.request_id = "req-1";
  m.resources = {"https://app.example/a", "ipfs://bafy"};
  return m;
}

const std::string kFullText = kHead +
                              "\n\nFirst line, ünïcode.\n\nSecond paragraph.\n"
                              "\nURI: https://app.example:8443/in?a=b#c"
                              "\nVersion: 1"
                              "\nChain ID: solana:mainnet"
                              "\nNonce: abcDEF123456"
                              "\nIssued At: 2025-06-01T12:00:00.250Z"
                              "\nExpiration Time: 2025-06-01T12:05:00Z"
                              "\nNot Before: 2025-06-01T11:59:00Z"
                              "\nRequest ID: req-1"
                              "\nResources:"
                              "\n- https://app.example/a"
                              "\n- ipfs://bafy";

void expect_reads(const std::string& text, const SolanaMessage& message) {
  const Result<SolanaMessage> out = parse_solana_message(text);
  ASSERT_TRUE(out) << text << "\n" << out.error().detail;
  EXPECT_EQ(*out, message) << text;
}

void expect_malformed(const std::string& text) {
  const Result<SolanaMessage> out = parse_solana_message(text);
  ASSERT_FALSE(out) << text;
  EXPECT_EQ(out.error().code, Errc::message_malformed) << text;
}

TEST(SolanaMessage, WritesTheOrderOfTheGrammar) { EXPECT_EQ(format_solana_message(full()), kFullText); }

TEST(SolanaMessage, WritesOnlyWhatIsThere) {
  EXPECT_EQ(format_solana_message(bare()), kHead);
  SolanaMessage m = bare();
  m.statement = "S";
  EXPECT_EQ(format_solana_message(m), kHead + "\n\nS");
  m.nonce = "abcdefgh";
  EXPECT_EQ(format_solana_message(m), kHead + "\n\nS\n\nNonce: abcdefgh");
  m.statement.clear();
  EXPECT_EQ(format_solana_message(m), kHead + "\n\nNonce: abcdefgh");
}

TEST(SolanaMessage, ReadsWhatItWrites) {
  expect_reads(kFullText, full());
  // Every combination of present and absent parts.
  for (unsigned mask = 0; mask < 1024; ++mask) {
    const SolanaMessage all = full();
    SolanaMessage m = bare();
    if (mask & 1) m.statement = all.statement;
    if (mask & 2) m.uri = all.uri;
    if (mask & 4) m.version = all.version;
    if (mask & 8) m.chain_id = all.chain_id;
    if (mask & 16) m.nonce = all.nonce;
    if (mask & 32) m.issued_at = all.issued_at;
    if (mask & 64) m.expires_at = all.expires_at;
    if (mask & 128) m.not_before = all.not_before;
    if (mask & 256) m.request_id = all.request_id;
    if (mask & 512) m.resources = all.resources;
    expect_reads(format_solana_message(m), m);
  }
}

TEST(SolanaMessage, ReadsWhereWalletsDiffer) {
  SolanaMessage m = bare();
  expect_reads(kHead, m);
  expect_reads(kHead + "\n", m);
  expect_reads(kHead + "\n\n\n", m);
  m.version = "1";
  m.uri = "https://app.example";
  expect_reads(kHead + "\n\nVersion: 1\nURI: https://app.example", m);
  expect_reads(kHead + "\n\nVersion: 1\nURI: https://app.example\n\n", m);
  // Two blank lines without a statement, as Ethereum's grammar has them.
  expect_reads(kHead + "\n\n\nURI: https://app.example\nVersion: 1", m);
  m.resources = {"https://app.example/a"};
  expect_reads(kHead + "\n\nResources:\n- https://app.example/a\nVersion: 1\nURI: https://app.example", m);
  m.resources.clear();
  expect_reads(kHead + "\n\nVersion: 1\nURI: https://app.example\nResources:", m);
  expect_reads(kHead + "\n\nVersion: 1\nRequest ID: \nURI: https://app.example", m);
  m.statement = "S\n\nS";
  expect_reads(kHead + "\n\nS\n\nS\n\nVersion: 1\nURI: https://app.example", m);
}

TEST(SolanaMessage, StatementsMayMentionFields) {
  SolanaMessage m = bare();
  m.nonce = "abcdefgh";
  for (const char* statement : {"The Nonce: below is ours", " Nonce: 12345678", "nonce: 12345678", "Nonce:12345678",
                                "- https://app.example/a", "Resources: see below", "URI", "Notes\n\nVersion 2"}) {
    m.statement = statement;
    expect_reads(format_solana_message(m), m);
    EXPECT_TRUE(is_solana_statement(statement)) << statement;
  }
}

TEST(SolanaMessage, AStatementIsNeverReadAsAField) {
  for (const char* statement :
       {"Nonce: 12345678", "Hello\nNonce: 12345678", "Hello\n\nNonce: 12345678", "URI: https://evil.example",
        "Resources:", "Resources:\n- a", "Version: 1\nHello", "Issued At: today",
        "Not Before: ", "Request ID: ", "Chain ID: x", "Expiration Time: never"}) {
    SolanaMessage m = full();
    m.statement = statement;
    expect_malformed(format_solana_message(m));
    EXPECT_FALSE(is_solana_statement(statement)) << statement;
  }
}

TEST(SolanaMessage, StatementsOfTheConfiguration) {
  EXPECT_TRUE(is_solana_statement("Sign in to prove that this wallet is yours. No transaction, no fee."));
  EXPECT_TRUE(is_solana_statement("Zwei\nZeilen, größer"));
  for (const std::string& bad : {""s, "\nx"s, "x\n"s, "\n"s, "a\rb"s, "a\tb"s, "\xff"s, "a\0b"s}) {
    EXPECT_FALSE(is_solana_statement(bad)) << bad;
  }
}

TEST(SolanaMessage, RefusesWhatIsNotTheGrammar) {
  const std::string fields = "\n\nURI: https://app.example\nVersion: 1\nNonce: abcdefgh";
  const std::string table[] = {
      "",
      "\n",
      "hello",
      // first line
      " wants you to sign in with your Solana account:\n" + kAddress,
      "app.example wants you to sign in with your Solana account:",
      "app.example wants you to sign in with your Solana account:\n",
      "app.example wants you to sign in with your Solana account\n" + kAddress,
      "app.example wants you to sign in with your Ethereum account:\n" + kAddress,
      "app.example  wants you to sign in with your Solana account:\n" + kAddress,
      "app .example wants you to sign in with your Solana account:\n" + kAddress,
      "app.exämple wants you to sign in with your Solana account:\n" + kAddress,
      "app.example WANTS YOU to sign in with your Solana account:\n" + kAddress,
      "\n" + kHead,
      " " + kHead,
      // address
      "app.example wants you to sign in with your Solana account:\n\n" + kAddress,
      "app.example wants you to sign in with your Solana account:\n " + kAddress,
      "app.example wants you to sign in with your Solana account:\n" + kAddress.substr(13),
      "app.example wants you to sign in with your Solana account:\n" + kAddress + "1",
      "app.example wants you to sign in with your Solana account:\n0" + kAddress.substr(1),
      "app.example wants you to sign in with your Solana account:\nO" + kAddress.substr(1),
      "app.example wants you to sign in with your Solana account:\nI" + kAddress.substr(1),
      "app.example wants you to sign in with your Solana account:\nl" + kAddress.substr(1),
      kHead + " ",
      // blank lines
      kHead + "\nStatement",
      kHead + "\nURI: https://app.example",
      kHead + "\n \nURI: https://app.example",
      kHead + "\n\nStatement\nURI: https://app.example",
      kHead + "\n\n\nStatement" + fields,
      kHead + "\n\nStatement\n" + fields,
      kHead + "\n\n\n\nURI: https://app.example",
      kHead + "\n\nURI: https://app.example\n\nVersion: 1",
      // fields
      kHead + fields + "\nURI: https://app.example",
      kHead + fields + "\nNonce: abcdefgh",
      kHead + fields + "\nNonce: ijklmnop",
      kHead + fields + "\nResources:\nResources:",
      kHead + fields + "\nRequest ID: \nRequest ID: ",
      kHead + fields + "\nsomething else",
      kHead + fields + "\n\nP.S. something else",
      kHead + fields + "\nColour: red",
      kHead + fields + "\nchain id: mainnet",
      kHead + fields + "\n Chain ID: mainnet",
      kHead + fields + "\nChain ID:mainnet",
      kHead + fields + "\nChain ID: ",
      kHead + fields + "\nChain ID:",
      kHead + fields + "\nChain ID: main net",
      kHead + fields + "\nChain ID:  mainnet",
      kHead + fields + "\nChain ID: mainnet ",
      kHead + fields + "\nChain ID: mäinnet",
      kHead + fields + "\nResources: https://app.example",
      kHead + fields + "\nResources: ",
      kHead + fields + "\nResources:\n- ",
      kHead + fields + "\nResources:\n-https://app.example",
      kHead + fields + "\nResources:\n- a b",
      kHead + fields + "\nResources:\n- a\n\n- b",
      kHead + fields + "\n- a",
      // times
      kHead + fields + "\nIssued At: 2025-02-31T00:00:00Z",
      kHead + fields + "\nIssued At: 2025-02-29T00:00:00Z",
      kHead + fields + "\nIssued At: 2025-06-01",
      kHead + fields + "\nIssued At: 2025-06-01 12:00:00Z",
      kHead + fields + "\nExpiration Time: 2025-06-31T00:00:00Z",
      kHead + fields + "\nExpiration Time: never",
      kHead + fields + "\nNot Before: 1748779200",
  };
  for (const auto& text : table) expect_malformed(text);
}

TEST(SolanaMessage, RefusesControlCharactersAnywhere) {
  for (const std::string& bad :
       {"\0"s, "\r"s, "\t"s, "\x0b"s, "\x1b"s, "\x7f"s, "\xc2\x85"s, "\xe2\x80\xa8"s, "\xff"s}) {
    for (std::size_t at = 0; at <= kFullText.size(); ++at) {
      std::string text = kFullText;
      text.insert(at, bad);
      const Result<SolanaMessage> out = parse_solana_message(text);
      ASSERT_FALSE(out) << at;
      ASSERT_EQ(out.error().code, Errc::message_malformed) << at;
    }
  }
}

TEST(SolanaMessage, ReadsNoCarriageReturns) {
  std::string text;
  for (const char c : kFullText) text += c == '\n' ? "\r\n"s : std::string(1, c);
  expect_malformed(text);
}

// A cut text is refused, or it is a shorter message that says no more than the whole did.
TEST(SolanaMessage, CutAnywhere) {
  const SolanaMessage whole = full();
  std::size_t refused = 0;
  for (std::size_t cut = 0; cut < kFullText.size(); ++cut) {
    const Result<SolanaMessage> out = parse_solana_message(kFullText.substr(0, cut));
    if (!out) {
      EXPECT_EQ(out.error().code, Errc::message_malformed);
      ++refused;
      continue;
    }
    EXPECT_NE(*out, whole) << cut;
    EXPECT_EQ(out->domain, whole.domain);
    EXPECT_TRUE(whole.address.starts_with(out->address));
    EXPECT_TRUE(whole.uri.starts_with(out->uri));
    EXPECT_TRUE(whole.nonce.starts_with(out->nonce));
    if (out->issued_at) EXPECT_EQ(out->issued_at, whole.issued_at);
    if (out->expires_at) EXPECT_EQ(out->expires_at, whole.expires_at);
    if (out->not_before) EXPECT_EQ(out->not_before, whole.not_before);
    EXPECT_EQ(parse_solana_message(format_solana_message(*out))->nonce, out->nonce);
  }
  EXPECT_GT(refused, 200U);
}

TEST(SolanaMessage, IsBounded) {
  SolanaMessage m = bare();
  m.statement = std::string(kMaxMessageBytes - kHead.size() - 2, 'x');
  expect_reads(format_solana_message(m), m);
  m.statement += 'x';
  const Result<SolanaMessage> out = parse_solana_message(format_solana_message(m));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::message_too_large);
}

TEST(SolanaMessage, DomainOfTheFirstLine) {
  EXPECT_EQ(solana_message_domain(kFullText), "app.example");
  EXPECT_EQ(solana_message_domain("localhost:3002 wants you to sign in with your Solana account:"), "localhost:3002");
  EXPECT_EQ(solana_message_domain(""), "");
  EXPECT_EQ(solana_message_domain("anything else\n" + kHead), "");
  EXPECT_EQ(solana_message_domain("a b wants you to sign in with your Solana account:\n"), "");
}

}  // namespace
}  // namespace gatecast::identity
