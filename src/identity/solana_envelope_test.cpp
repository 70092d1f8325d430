#include "identity/solana_envelope.hpp"

#include <gtest/gtest.h>

#include "identity/test_wallet.hpp"

namespace gatecast::identity {
namespace {

using namespace std::string_literals;

const TestWallet kWallet('a');
const std::string kText = format_solana_message(kWallet.message());

// Where the parts of a v0 envelope stand.
constexpr std::size_t kVersionAt = 16;
constexpr std::size_t kDomainAt = 17;
constexpr std::size_t kFormatAt = 49;
constexpr std::size_t kCountAt = 50;
constexpr std::size_t kSignerAt = 51;
constexpr std::size_t kLengthAt = 83;
constexpr std::size_t kTextAt = 85;

SolanaEnvelope v0() { return kWallet.envelope(kText); }
SolanaEnvelope legacy() { return kWallet.envelope(kText, SolanaForm::legacy); }

std::optional<Errc> open_error(const std::string& bytes) {
  const Result<SolanaEnvelope> out = open_envelope(bytes);
  if (out) return std::nullopt;
  return out.error().code;
}

TEST(SolanaEnvelope, LaysV0OutAsSpecified) {
  const std::string bytes = *seal_envelope(v0());
  ASSERT_EQ(bytes.size(), kTextAt + kText.size());
  EXPECT_EQ(kTextAt, kMaxPreambleBytes);
  EXPECT_EQ(bytes.substr(0, kDomainAt), "\xffsolana offchain\0"s);
  EXPECT_EQ(bytes.substr(kDomainAt, 32), "app.example" + std::string(21, '\0'));
  EXPECT_EQ(bytes[kFormatAt], '\0');
  EXPECT_EQ(bytes[kCountAt], '\1');
  EXPECT_EQ(bytes.substr(kSignerAt, 32), kWallet.public_key());
  EXPECT_EQ(static_cast<std::uint8_t>(bytes[kLengthAt]), kText.size() & 0xff);
  EXPECT_EQ(static_cast<std::uint8_t>(bytes[kLengthAt + 1]), kText.size() >> 8);
  EXPECT_EQ(bytes.substr(kTextAt), kText);
  ASSERT_GT(kText.size(), 255U) << "both bytes of the length must count";
}

TEST(SolanaEnvelope, LaysTheLegacyFormOut) {
  SolanaEnvelope envelope = legacy();
  envelope.text = "hello";
  envelope.format = 1;
  EXPECT_EQ(seal_envelope(envelope), "\xffsolana offchain\0\x01\x05\0hello"s);
}

TEST(SolanaEnvelope, ApplicationDomainIsPaddedOrCut) {
  EXPECT_EQ(application_domain("app.example"), "app.example" + std::string(21, '\0'));
  EXPECT_EQ(application_domain(std::string(32, 'd')), std::string(32, 'd'));
  EXPECT_EQ(application_domain(std::string(40, 'd')), std::string(32, 'd'));
  EXPECT_EQ(no_application_domain(), std::string(32, '\0'));
}

TEST(SolanaEnvelope, OpensWhatItSeals) {
  for (std::uint8_t format = 0; format <= 2; ++format) {
    for (SolanaEnvelope in : {v0(), legacy()}) {
      for (const std::string& domain : {application_domain("app.example"), no_application_domain()}) {
        in.format = format;
        if (in.form == SolanaForm::v0) in.application_domain = domain;
        const Result<SolanaEnvelope> out = open_envelope(*seal_envelope(in));
        ASSERT_TRUE(out) << out.error().detail;
        EXPECT_EQ(out->form, in.form);
        EXPECT_EQ(out->format, in.format);
        EXPECT_EQ(out->application_domain, in.application_domain);
        EXPECT_EQ(out->signer, in.signer);
        EXPECT_EQ(out->text, in.text);
      }
    }
  }
  const Result<SolanaEnvelope> raw = open_envelope(kText);
  ASSERT_TRUE(raw);
  EXPECT_EQ(raw->form, SolanaForm::raw);
  EXPECT_EQ(raw->text, kText);
}

TEST(SolanaEnvelope, FormatsBoundTheText) {
  SolanaEnvelope envelope = legacy();
  const auto fits = [&envelope](std::uint8_t format, const std::string& text) {
    envelope.format = format;
    envelope.text = text;
    return seal_envelope(envelope).has_value();
  };
  EXPECT_TRUE(fits(0, std::string(1212, 'x')));
  EXPECT_FALSE(fits(0, std::string(1213, 'x')));
  EXPECT_TRUE(fits(1, std::string(1212, 'x')));
  EXPECT_FALSE(fits(1, std::string(1213, 'x')));
  EXPECT_TRUE(fits(2, std::string(65515, 'x')));
  EXPECT_FALSE(fits(2, std::string(65516, 'x')));
  EXPECT_TRUE(fits(0, "with\nline feed"));
  EXPECT_FALSE(fits(0, "grün"));
  EXPECT_TRUE(fits(1, "grün"));
  EXPECT_TRUE(fits(2, "grün"));
  EXPECT_FALSE(fits(0, ""));
  EXPECT_FALSE(fits(2, ""));
  EXPECT_FALSE(fits(3, "x"));
  SolanaEnvelope short_key = v0();
  short_key.signer.pop_back();
  EXPECT_FALSE(seal_envelope(short_key));
  SolanaEnvelope short_domain = v0();
  short_domain.application_domain.pop_back();
  EXPECT_FALSE(seal_envelope(short_domain));
}

TEST(SolanaEnvelope, LedgersFormatZeroMayHaveLineFeeds) {
  ASSERT_NE(kText.find('\n'), std::string::npos);
  EXPECT_FALSE(open_error(*seal_envelope(v0())));
}

TEST(SolanaEnvelope, LaterVersionsAndSeveralSignersAreUnsupported) {
  for (int version = 1; version < 256; ++version) {
    std::string bytes = *seal_envelope(v0());
    bytes[kVersionAt] = static_cast<char>(version);
    EXPECT_EQ(open_error(bytes), Errc::envelope_unsupported) << version;
  }
  std::string two = *seal_envelope(v0());
  two[kCountAt] = '\2';
  two.insert(kSignerAt, TestWallet('b').public_key());
  EXPECT_EQ(open_error(two), Errc::envelope_unsupported);
}

TEST(SolanaEnvelope, TextMustFitTheFormatItNames) {
  const std::string text = "Grüße: " + kText;
  SolanaEnvelope in = kWallet.envelope(text);
  in.format = 1;
  std::string bytes = *seal_envelope(in);
  EXPECT_FALSE(open_error(bytes));
  bytes[kFormatAt] = '\0';
  EXPECT_EQ(open_error(bytes), Errc::message_malformed);

  in = kWallet.envelope(std::string(2000, 'x'));
  in.format = 2;
  bytes = *seal_envelope(in);
  EXPECT_FALSE(open_error(bytes));
  bytes[kFormatAt] = '\1';
  EXPECT_EQ(open_error(bytes), Errc::message_malformed);
  bytes[kFormatAt] = '\3';
  EXPECT_EQ(open_error(bytes), Errc::message_malformed);
}

TEST(SolanaEnvelope, CutAnywhereIsRefused) {
  for (const SolanaEnvelope& envelope : {v0(), legacy()}) {
    const std::string bytes = *seal_envelope(envelope);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      EXPECT_EQ(open_error(bytes.substr(0, cut)), Errc::message_malformed) << cut;
    }
    EXPECT_EQ(open_error(bytes + "x"), Errc::message_malformed);
  }
}

TEST(SolanaEnvelope, EveryByteOfTheMagicCounts) {
  const std::string bytes = *seal_envelope(v0());
  for (std::size_t at = 1; at < kVersionAt; ++at) {
    std::string changed = bytes;
    changed[at] ^= 1;
    EXPECT_EQ(open_error(changed), Errc::message_malformed) << at;
  }
}

// All values of each byte that says how the header is laid out: only those that change nothing else are taken.
TEST(SolanaEnvelope, EveryValueOfTheStructuralBytes) {
  const std::string bytes = *seal_envelope(v0());
  for (const std::size_t at : {kFormatAt, kCountAt, kLengthAt, kLengthAt + 1}) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(value);
      const bool same = changed == bytes;
      const bool other_format = at == kFormatAt && value <= 2;
      EXPECT_EQ(!open_error(changed), same || other_format) << at << " " << value;
    }
  }
}

}  // namespace
}  // namespace gatecast::identity
