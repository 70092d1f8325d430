#include "identity/solana.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/ed25519.hpp"
#include "identity/solana_message.hpp"

namespace gatecast::identity {
namespace {

constexpr std::string_view kChainPrefix = "solana:";

Result<void> check_sizes(const SolanaProof& proof) {
  const bool bytes_given = !proof.signed_message.empty();
  const std::size_t size = bytes_given ? proof.signed_message.size() : proof.message.size();
  if (size > kMaxMessageBytes + (bytes_given ? kMaxPreambleBytes : 0)) {
    return fail(Errc::message_too_large, fmt::format("{} bytes", size));
  }
  if (size < kMinMessageBytes) return fail(Errc::message_malformed, fmt::format("{} bytes are too few", size));
  return {};
}

// The wallet's own bytes: nothing is rebuilt, and the header must name the key that signed.
Result<SolanaEnvelope> verify_bytes(std::string_view bytes, std::string_view key, std::string_view signature) {
  Result<SolanaEnvelope> envelope = open_envelope(bytes);
  if (!envelope) return envelope;
  if (!crypto::ed25519_verify(key, bytes, signature)) return fail(Errc::signature_invalid, "over the signed bytes");
  if (envelope->form == SolanaForm::v0 && envelope->signer != key) {
    return fail(Errc::address_mismatch, "the envelope names another signer");
  }
  return envelope;
}

// Only the text is known: the forms in which wallets sign it, the likeliest first, each built when the one before
// failed.
Result<SolanaEnvelope> verify_text(std::string_view text, std::string_view key, std::string_view signature) {
  SolanaEnvelope candidate{.text = std::string(text)};
  const auto verifies = [&candidate, key, signature] {
    const std::optional<std::string> bytes = seal_envelope(candidate);
    return bytes && crypto::ed25519_verify(key, *bytes, signature);
  };
  if (verifies()) return candidate;

  const std::string none = no_application_domain();
  const std::string ours = application_domain(solana_message_domain(text));
  candidate.signer = key;
  candidate.form = SolanaForm::v0;
  for (const std::string& domain : {ours, none}) {
    if (domain == candidate.application_domain) continue;  // a text without a domain: both are the same
    candidate.application_domain = domain;
    for (candidate.format = 0; candidate.format <= 2; ++candidate.format) {
      if (verifies()) return candidate;
    }
  }
  candidate.signer.clear();
  candidate.application_domain.clear();
  candidate.form = SolanaForm::legacy;
  for (candidate.format = 0; candidate.format <= 2; ++candidate.format) {
    if (verifies()) return candidate;
  }
  return fail(Errc::signature_invalid, "over the text in any form");
}

// A Ledger shows the envelope's domain, not the text's: another one there is another site's question.
Result<void> check_application_domain(const SolanaEnvelope& envelope, std::string_view domain) {
  if (envelope.form == SolanaForm::v0 && envelope.application_domain != no_application_domain() &&
      envelope.application_domain != application_domain(domain)) {
    return fail(Errc::domain_mismatch, "the envelope names another application domain");
  }
  return {};
}

// `solana:mainnet` and `mainnet` are one chain; what follows `solana:` otherwise is a genesis hash and stays as it is.
std::string_view chain_name(std::string_view chain) {
  if (!chain.starts_with(kChainPrefix)) return chain;
  const std::string_view name = chain.substr(kChainPrefix.size());
  const bool named = name == "mainnet" || name == "testnet" || name == "devnet" || name == "localnet";
  return named ? name : chain;
}

Result<void> check_chain(const SolanaMessage& message, const SolanaPolicy& policy) {
  if (message.chain_id.empty()) return {};
  const std::string_view signed_chain = chain_name(message.chain_id);
  if (std::ranges::any_of(policy.chains, [=](const auto& allowed) { return chain_name(allowed) == signed_chain; })) {
    return {};
  }
  return fail(Errc::chain_mismatch, fmt::format("signed for chain {}", message.chain_id.substr(0, 256)));
}

// All but the nonce and one of the times may be absent.
Result<void> check_fields(const SolanaMessage& message, const SolanaEnvelope& envelope, const SolanaPolicy& policy,
                          WallTime now) {
  if (Result<void> domain = check_domain(message.domain, policy.domains); !domain) return domain;
  if (Result<void> domain = check_application_domain(envelope, message.domain); !domain) return domain;
  if (!message.uri.empty()) {
    if (Result<void> uri = check_uri(message.uri, message.domain, policy.uris); !uri) return uri;
  }
  if (!message.version.empty()) {
    if (Result<void> version = check_version(message.version); !version) return version;
  }
  if (Result<void> chain = check_chain(message, policy); !chain) return chain;
  if (Result<void> nonce = check_nonce(message.nonce); !nonce) return nonce;
  return check_times(message.issued_at, message.expires_at, message.not_before, now);
}

Result<SolanaEnvelope> verify_with(std::string_view key, const SolanaProof& proof) {
  const Result<std::vector<std::string>> signatures = solana_signatures(proof.signature);
  if (!signatures) return signatures.error();
  Result<SolanaEnvelope> envelope = Errc::signature_invalid;
  for (const std::string& signature : *signatures) {
    envelope = proof.signed_message.empty() ? verify_text(proof.message, key, signature)
                                            : verify_bytes(proof.signed_message, key, signature);
    if (envelope) break;
  }
  return envelope;
}

}  // namespace

Result<SolanaEnvelope> verify_solana_signature(const SolanaProof& proof) {
  Result<std::string> key = solana_key_bytes(proof.address);
  if (!key) return std::move(key.error());
  Result<SolanaEnvelope> envelope = verify_with(*key, proof);
  // A signature that verifies is of a good key; asking first would cost every sign-in a fifth of a verification.
  if (!envelope && crypto::ed25519_is_weak(*key)) return fail(Errc::address_weak);
  return envelope;
}

Result<WalletClaim> verify_solana(const SolanaProof& proof, const SolanaPolicy& policy, WallTime now) {
  if (Result<void> sizes = check_sizes(proof); !sizes) return std::move(sizes.error());
  const Result<SolanaEnvelope> envelope = verify_solana_signature(proof);
  if (!envelope) return envelope.error();

  Result<SolanaMessage> parsed = parse_solana_message(envelope->text);
  if (!parsed) return std::move(parsed.error());
  SolanaMessage& message = *parsed;
  if (message.address != proof.address) return fail(Errc::address_mismatch, "the text names another address");
  if (Result<void> fields = check_fields(message, *envelope, policy, now); !fields) return std::move(fields.error());

  return WalletClaim{
      .address = std::move(message.address),
      .domain = std::move(message.domain),
      .nonce = std::move(message.nonce),
      .statement = std::move(message.statement),
      .uri = std::move(message.uri),
      .chain_id = std::move(message.chain_id),
      .request_id = std::move(message.request_id),
      .issued_at = message.issued_at,
      .expires_at = message.expires_at,
      .not_before = message.not_before,
  };
}

}  // namespace gatecast::identity
