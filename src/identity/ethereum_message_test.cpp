#include "identity/ethereum_message.hpp"

#include <gtest/gtest.h>

#include "core/time_text.hpp"

namespace gatecast::identity {
namespace {

using namespace std::string_literals;

const std::string kAddress = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const std::string kFirst = "app.example wants you to sign in with your Ethereum account:\n";
const std::string kHead = kFirst + kAddress + "\n\n";
const std::string kRequired =
    "URI: https://app.example:8443/in?a=b#c\nVersion: 1\nChain ID: 137\nNonce: abcDEF123456\n"
    "Issued At: 2025-06-01T12:00:00.250Z";
const std::string kOptional =
    "\nExpiration Time: 2025-06-01T12:05:00Z\nNot Before: 2025-06-01T11:59:00Z\nRequest ID: req-1"
    "\nResources:\n- https://app.example/a\n- ipfs://bafy";
const std::string kStatement = "I accept the terms: https://app.example/tos";
const std::string kFull = kHead + kStatement + "\n\n" + kRequired + kOptional;

EthereumMessage bare() {
  return {.domain = "app.example",
          .address = kAddress,
          .uri = "https://app.example:8443/in?a=b#c",
          .chain_id = 137,
          .nonce = "abcDEF123456",
          .issued_at = *parse_rfc3339("2025-06-01T12:00:00.250Z")};
}

EthereumMessage full() {
  EthereumMessage m = bare();
  m.statement = kStatement;
  m.expires_at = parse_rfc3339("2025-06-01T12:05:00Z");
  m.not_before = parse_rfc3339("2025-06-01T11:59:00Z");
  m.request_id = "req-1";
  m.resources = {"https://app.example/a", "ipfs://bafy"};
  return m;
}

void expect_reads(const std::string& text, const EthereumMessage& message) {
  const Result<EthereumMessage> out = parse_ethereum_message(text);
  ASSERT_TRUE(out) << text << "\n" << out.error().detail;
  EXPECT_EQ(*out, message) << text;
}

void expect_malformed(const std::string& text, const std::string& why = "") {
  const Result<EthereumMessage> out = parse_ethereum_message(text);
  ASSERT_FALSE(out) << why << "\n" << text;
  EXPECT_EQ(out.error().code, Errc::message_malformed) << text;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(EthereumMessage, WritesTheGrammar) {
  EXPECT_EQ(format_ethereum_message(full()), kFull);
  EXPECT_EQ(format_ethereum_message(bare()), kHead + "\n" + kRequired);
}

TEST(EthereumMessage, ReadsWhatItWrites) {
  for (unsigned mask = 0; mask < 64; ++mask) {
    const EthereumMessage all = full();
    EthereumMessage m = bare();
    if (mask & 1) m.statement = all.statement;
    if (mask & 2) m.expires_at = all.expires_at;
    if (mask & 4) m.not_before = all.not_before;
    if (mask & 8) m.request_id = all.request_id;
    if (mask & 16) m.resources = all.resources;
    if (mask & 32) m.scheme = "https";
    expect_reads(format_ethereum_message(m), m);
  }
}

TEST(EthereumMessage, ReadsOneOrTwoBlankLinesWithoutAStatement) {
  expect_reads(kHead + kRequired, bare());
  expect_reads(kHead + "\n" + kRequired, bare());
  expect_malformed(kHead + "\n\n" + kRequired);
  expect_malformed(kFirst + kAddress + "\n" + kRequired);
}

TEST(EthereumMessage, ReadsWhatTheGrammarAllows) {
  EthereumMessage m = bare();
  expect_reads(kHead + "\n" + kRequired + "\nResources:", m);
  expect_reads(kHead + "\n" + kRequired + "\nRequest ID: ", m);
  m.scheme = "com.example+app";
  expect_reads(replaced(kHead, "app.example", "com.example+app://app.example") + kRequired, m);
  m = bare();
  m.domain = "[::1]:3002";
  expect_reads(replaced(kHead, "app.example", "[::1]:3002") + kRequired, m);
  m = bare();
  m.address = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
  expect_reads(replaced(kHead, kAddress, m.address) + kRequired, m);
  m = bare();
  m.chain_id = 18446744073709551615U;
  expect_reads(replaced(kHead + kRequired, "137", "18446744073709551615"), m);
  expect_reads(replaced(kHead + kRequired, "137", "00018446744073709551615"), m);
  m = bare();
  m.issued_at = *parse_rfc3339("2024-02-29T10:00:00Z");
  expect_reads(replaced(kHead + kRequired, "2025-06-01T12:00:00.250Z", "2024-02-29T12:00:00+02:00"), m);
  m = bare();
  m.statement = "Version: 1";  // a statement may look like any field but the first
  expect_reads(kHead + "Version: 1\n\n" + kRequired, m);
}

struct Change {
  const char* name;
  const char* from;
  const char* to;
};

TEST(EthereumMessage, RefusesWhatTheGrammarDoesNotAllow) {
  const Change changes[] = {
      {"other chain's first line", "Ethereum account", "Solana account"},
      {"first line in another case", "wants you", "Wants you"},
      {"no colon", "account:", "account"},
      {"blank after the first line", "account:\n", "account: \n"},
      {"no domain", "app.example wants", " wants"},
      {"domain alone missing", "app.example wants", "wants"},
      {"path in the domain", "app.example wants", "app.example/x wants"},
      {"query in the domain", "app.example wants", "app.example?x wants"},
      {"fragment in the domain", "app.example wants", "#app.example wants"},
      {"blank in the domain", "app.example wants", "app .example wants"},
      {"domain is not ASCII", "app.example wants", "\xc3\xa4pp.example wants"},
      {"empty scheme", "app.example wants", "://app.example wants"},
      {"bad scheme", "app.example wants", "1https://app.example wants"},
      {"scheme twice", "app.example wants", "https://https://app.example wants"},
      {"line before", "app.example wants", "\napp.example wants"},
      {"short address", "BeAed\n", "BeAe\n"},
      {"long address", "BeAed\n", "BeAedd\n"},
      {"address without 0x", "0x5aAe", "5aAe"},
      {"blank after the address", "BeAed\n", "BeAed \n"},
      {"statement of two lines", "tos\n\n", "tos\nand more\n\n"},
      {"statement of two paragraphs", "tos\n\n", "tos\n\nand more\n\n"},
      {"no blank line after the statement", "tos\n\n", "tos\n"},
      {"two blank lines after the statement", "tos\n\n", "tos\n\n\n"},
      {"two blank lines before the statement", "I accept", "\nI accept"},
      {"statement is not ASCII", "I accept", "Caf\xc3\xa9: I accept"},
      {"statement with a quote", "I accept", "I \"accept\""},
      {"statement as URI", "I accept the terms: ", "URI: "},
      {"carriage returns", "\n\nURI", "\r\n\r\nURI"},
      {"no URI", "URI: https://app.example:8443/in?a=b#c\n", ""},
      {"empty URI", "URI: https://app.example:8443/in?a=b#c", "URI: "},
      {"relative URI", "URI: https:", "URI: "},
      {"bad URI", "URI: https://", "URI: :https//"},
      {"URI with a blank", "/in?a", "/in ?a"},
      {"no version", "Version: 1\n", ""},
      {"empty version", "Version: 1", "Version: "},
      {"no chain", "Chain ID: 137\n", ""},
      {"empty chain", "Chain ID: 137", "Chain ID: "},
      {"chain by name", "137", "mainnet"},
      {"chain in hex", "137", "0x89"},
      {"negative chain", "137", "-137"},
      {"signed chain", "137", "+137"},
      {"blank after the chain", "137", "137 "},
      {"chain over 64 bits", "137", "18446744073709551616"},
      {"no nonce", "Nonce: abcDEF123456\n", ""},
      {"empty nonce", "Nonce: abcDEF123456", "Nonce: "},
      {"no issued at", "\nIssued At: 2025-06-01T12:00:00.250Z", ""},
      {"empty issued at", "Issued At: 2025-06-01T12:00:00.250Z", "Issued At: "},
      {"the thirty-first of February", "2025-06-01T12:00:00.250Z", "2025-02-31T12:00:00Z"},
      {"the twenty-ninth of a common February", "2025-06-01T12:00:00.250Z", "2025-02-29T12:00:00Z"},
      {"date alone", "2025-06-01T12:00:00.250Z", "2025-06-01"},
      {"no zone", "12:00:00.250Z", "12:00:00.250"},
      {"blank for T", "2025-06-01T12:00:00.250Z", "2025-06-01 12:00:00Z"},
      {"seconds since 1970", "2025-06-01T12:00:00.250Z", "1748779200"},
      {"hour 24", "12:00:00.250Z", "24:00:00Z"},
      {"bad expiration", "2025-06-01T12:05:00Z", "2025-06-31T12:05:00Z"},
      {"bad not before", "2025-06-01T11:59:00Z", "soon"},
      {"label in another case", "Issued At", "Issued at"},
      {"no blank after a label", "Nonce: ", "Nonce:"},
      {"field twice", "Version: 1\n", "Version: 1\nVersion: 1\n"},
      {"URI twice", "Version: 1\n", "URI: https://app.example\nVersion: 1\n"},
      {"expiration twice", "\nNot Before", "\nExpiration Time: 2025-06-01T12:05:00Z\nNot Before"},
      {"version first", "URI: https://app.example:8443/in?a=b#c\nVersion: 1", "Version: 1\nURI: https://app.example"},
      {"issued at before the nonce", "Nonce: abcDEF123456\nIssued At: 2025-06-01T12:00:00.250Z",
       "Issued At: 2025-06-01T12:00:00.250Z\nNonce: abcDEF123456"},
      {"not before before expiration", "Expiration Time: 2025-06-01T12:05:00Z\nNot Before: 2025-06-01T11:59:00Z",
       "Not Before: 2025-06-01T11:59:00Z\nExpiration Time: 2025-06-01T12:05:00Z"},
      {"request id after resources", "Request ID: req-1\nResources:", "Resources:\nRequest ID: req-1"},
      {"request id with a blank", "req-1", "req 1"},
      {"request id with a slash", "req-1", "req/1"},
      {"unknown field", "Request ID", "Colour"},
      {"blank line between fields", "\nNonce", "\n\nNonce"},
      {"resource is no URI", "ipfs://bafy", "bafy"},
      {"empty resource", "ipfs://bafy", ""},
      {"resource without a dash", "- ipfs", "ipfs"},
      {"value after Resources", "Resources:", "Resources: x"},
      {"resources without a title", "\nResources:", ""},
  };
  expect_reads(kFull, full());
  for (const auto& change : changes) expect_malformed(replaced(kFull, change.from, change.to), change.name);
  for (const std::string& tail : {"\n"s, "\n\n"s, " "s, "\nURI: https://app.example"s, "\nx"s, "\0"s}) {
    expect_malformed(kFull + tail);
    expect_malformed(kHead + kRequired + tail);
  }
}

TEST(EthereumMessage, AWrongChecksumIsNamed) {
  const Result<EthereumMessage> out = parse_ethereum_message(replaced(kFull, "0x5aAe", "0x5AAe"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::address_checksum);
}

TEST(EthereumMessage, TheDetailNamesTheLine) {
  const Result<EthereumMessage> out = parse_ethereum_message(replaced(kFull, "Nonce: ", "Nonsense: "));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().detail, "line 9: no Nonce");
}

TEST(EthereumMessage, CutAnywhereItIsAnotherMessageOrNone) {
  for (std::size_t cut = 0; cut < kFull.size(); ++cut) {
    const std::string text = kFull.substr(0, cut);
    const Result<EthereumMessage> out = parse_ethereum_message(text);
    if (!out) {
      EXPECT_EQ(out.error().code, Errc::message_malformed) << text;
      continue;
    }
    EXPECT_GE(cut, kFull.find(".250Z")) << text;
    EXPECT_NE(*out, full()) << text;
  }
}

TEST(EthereumMessage, EveryByteThatIsNotAsciiIsRefused) {
  for (std::size_t i = 0; i < kFull.size(); ++i) {
    for (const char bad : {'\x80', '\0', '\r', '\x7f', '\t'}) {
      std::string text = kFull;
      text[i] = bad;
      EXPECT_FALSE(parse_ethereum_message(text)) << i;
    }
  }
}

TEST(EthereumMessage, SizeIsBounded) {
  EthereumMessage m = full();
  m.statement += std::string(kMaxMessageBytes - kFull.size(), 's');
  expect_reads(format_ethereum_message(m), m);
  m.statement += 's';
  const Result<EthereumMessage> out = parse_ethereum_message(format_ethereum_message(m));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::message_too_large);
}

TEST(EthereumMessage, StatementsOfTheConfiguration) {
  for (const char* good : {"Sign in.", "Version: 1", " ", "I accept https://a.example/tos"}) {
    EXPECT_TRUE(is_ethereum_statement(good)) << good;
    EthereumMessage m = full();
    m.statement = good;
    expect_reads(format_ethereum_message(m), m);
  }
  for (const char* bad : {"", "a\nb", "URI: x", "caf\xc3\xa9", "\"a\"", "\n"}) {
    EXPECT_FALSE(is_ethereum_statement(bad)) << bad;
    EthereumMessage m = full();
    m.statement = bad;
    if (*bad != '\0') expect_malformed(format_ethereum_message(m));
  }
}

}  // namespace
}  // namespace gatecast::identity
