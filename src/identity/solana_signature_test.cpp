// Every form in which wallets sign, built and verified, from the text alone and from the signed bytes; headers changed
// byte by byte.
#include <gtest/gtest.h>

#include "identity/solana.hpp"
#include "identity/test_wallet.hpp"

namespace gatecast::identity {
namespace {

const TestWallet kWallet('a');
const TestWallet kOther('b');

std::string verdict(const SolanaProof& proof) {
  const Result<WalletClaim> claim = verify_solana(proof, TestWallet::policy(), TestWallet::now());
  return claim ? "accepted" : std::string(info(claim.error().code).name);
}

std::string text_of(std::string statement = "Sign in.") {
  SolanaMessage message = kWallet.message();
  message.statement = std::move(statement);
  return format_solana_message(message);
}

// What a wallet returns whose signature covers `bytes`, to a page that only kept the text.
SolanaProof text_proof(const std::string& text, const std::string& bytes) {
  return {.address = kWallet.address(), .message = text, .signature = base64_encode(kWallet.sign(bytes))};
}

std::vector<SolanaEnvelope> every_form(const std::string& text) {
  std::vector<SolanaEnvelope> forms{kWallet.envelope(text, SolanaForm::raw)};
  for (std::uint8_t format = 0; format <= 2; ++format) {
    for (const std::string& domain : {application_domain("app.example"), no_application_domain()}) {
      SolanaEnvelope envelope = kWallet.envelope(text);
      envelope.application_domain = domain;
      envelope.format = format;
      forms.push_back(envelope);
    }
    SolanaEnvelope legacy = kWallet.envelope(text, SolanaForm::legacy);
    legacy.format = format;
    forms.push_back(legacy);
  }
  return forms;
}

TEST(SolanaSignatureForms, EveryFormVerifiesFromTextAndFromBytes) {
  std::size_t forms = 0;
  for (const std::string& text : {text_of(), text_of("Grüße"), text_of(std::string(1500, 's'))}) {
    for (const SolanaEnvelope& envelope : every_form(text)) {
      const std::optional<std::string> bytes = seal_envelope(envelope);
      if (!bytes) continue;  // the format cannot carry this text
      ++forms;
      EXPECT_EQ(verdict(kWallet.prove_bytes(*bytes)), "accepted");
      const SolanaProof proof = text_proof(text, *bytes);
      EXPECT_EQ(verdict(proof), "accepted");
      const Result<SolanaEnvelope> found = verify_solana_signature(proof);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->form, envelope.form);
      EXPECT_EQ(found->format, envelope.format);
      EXPECT_EQ(found->application_domain, envelope.application_domain);
      EXPECT_EQ(found->text, text);
    }
  }
  EXPECT_EQ(forms, 10U + 7U + 4U);
}

TEST(SolanaSignatureForms, LongDomainsAreCut) {
  SolanaPolicy policy = TestWallet::policy();
  policy.domains = {"a-rather-long-name-of-a-host.app.example:8443"};
  SolanaMessage message = kWallet.message();
  message.domain = policy.domains[0];
  message.uri.clear();
  SolanaEnvelope envelope = kWallet.envelope(format_solana_message(message));
  envelope.application_domain = message.domain.substr(0, 32);
  const std::string bytes = *seal_envelope(envelope);
  EXPECT_TRUE(verify_solana(kWallet.prove_bytes(bytes), policy, TestWallet::now()));
  EXPECT_TRUE(verify_solana(text_proof(envelope.text, bytes), policy, TestWallet::now()));
}

TEST(SolanaSignatureForms, ForeignApplicationDomainIsRefused) {
  // Also one of ours that is not the text's: the screen and the text would tell the person two things.
  for (const char* domain : {"evil.example", "localhost:3002", "app.exampl", "app.example.", "x"}) {
    SolanaEnvelope envelope = kWallet.envelope(text_of());
    envelope.application_domain = application_domain(domain);
    const std::string bytes = *seal_envelope(envelope);
    EXPECT_EQ(verdict(kWallet.prove_bytes(bytes)), "domain_mismatch") << domain;
    EXPECT_EQ(verdict(text_proof(envelope.text, bytes)), "signature_invalid") << domain;
  }
}

TEST(SolanaSignatureForms, SignerInsideMustBeTheAddress) {
  SolanaEnvelope envelope = kWallet.envelope(text_of());
  envelope.signer = kOther.public_key();
  const std::string bytes = *seal_envelope(envelope);
  EXPECT_EQ(verdict(kWallet.prove_bytes(bytes)), "address_mismatch");
  EXPECT_EQ(verdict(text_proof(envelope.text, bytes)), "signature_invalid");
}

TEST(SolanaSignatureForms, LaterVersionsSayThatTheyAreNotSupported) {
  std::string bytes = *seal_envelope(kWallet.envelope(text_of()));
  bytes[16] = '\1';
  EXPECT_EQ(verdict(kWallet.prove_bytes(bytes)), "envelope_unsupported");
  SolanaProof unsigned_proof = kWallet.prove_bytes(bytes);
  unsigned_proof.signature = base64_encode(kOther.sign(bytes));
  EXPECT_EQ(verdict(unsigned_proof), "envelope_unsupported");
}

TEST(SolanaSignatureForms, SignedBytesWinOverTheText) {
  SolanaProof proof = kWallet.prove_bytes(*seal_envelope(kWallet.envelope(text_of())));
  proof.message = "whatever the page showed";
  EXPECT_EQ(verdict(proof), "accepted");
  // And nothing is tried beyond them: bytes that are not what was signed do not verify.
  proof = kWallet.prove_bytes(text_of());
  proof.message = text_of();
  proof.signature = base64_encode(kWallet.sign(*seal_envelope(kWallet.envelope(text_of()))));
  EXPECT_EQ(verdict(proof), "signature_invalid");
}

TEST(SolanaSignatureForms, EveryChangedByteOfAHeaderIsRefused) {
  for (const SolanaEnvelope& envelope : every_form(text_of())) {
    if (envelope.form == SolanaForm::raw) continue;
    const std::string bytes = *seal_envelope(envelope);
    const SolanaProof good = kWallet.prove_bytes(bytes);
    for (std::size_t i = 0; i < bytes.size() - envelope.text.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        SolanaProof proof = good;
        proof.signed_message[i] = static_cast<char>(proof.signed_message[i] ^ (1 << bit));
        EXPECT_NE(verdict(proof), "accepted") << i << " " << bit;
      }
    }
  }
}

// The wallet signs the changed header itself, so only the rules for the header can refuse it.
TEST(SolanaSignatureForms, EveryChangedByteOfAHeaderSignedAnew) {
  const std::string bytes = *seal_envelope(kWallet.envelope(text_of()));
  for (std::size_t i = 0; i < kMaxPreambleBytes; ++i) {
    std::string changed = bytes;
    changed[i] ^= 1;
    const char* expected = i < 16   ? "message_malformed"     // magic
                           : i < 17 ? "envelope_unsupported"  // version
                           : i < 49 ? "domain_mismatch"       // application domain
                           : i < 50 ? "accepted"              // format: 1 can carry the text as well
                           : i < 51 ? "message_malformed"     // number of signers
                           : i < 83 ? "address_mismatch"      // signer
                                    : "message_malformed";    // length
    EXPECT_EQ(verdict(kWallet.prove_bytes(changed)), expected) << i;
  }
}

TEST(SolanaSignatureForms, CutBytesSignedAnewAreRefused) {
  const std::string bytes = *seal_envelope(kWallet.envelope(text_of()));
  for (std::size_t cut = 64; cut < bytes.size(); ++cut) {
    EXPECT_EQ(verdict(kWallet.prove_bytes(bytes.substr(0, cut))), "message_malformed") << cut;
  }
}

}  // namespace
}  // namespace gatecast::identity
