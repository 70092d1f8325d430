#include "identity/solana.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/ed25519.hpp"
#include "identity/solana_message.hpp"

namespace gatecast::identity {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kChainPrefix = "solana:";

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

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

Result<void> check_domain(const SolanaMessage& message, const SolanaEnvelope& envelope, const SolanaPolicy& policy) {
  if (!contains(policy.domains, message.domain)) {
    return fail(Errc::domain_mismatch, fmt::format("signed for {}", message.domain.substr(0, 256)));
  }
  // A Ledger shows the envelope's domain, not the text's: another one there is another site's question.
  if (envelope.form == SolanaForm::v0 && envelope.application_domain != no_application_domain() &&
      envelope.application_domain != application_domain(message.domain)) {
    return fail(Errc::domain_mismatch, "the envelope names another application domain");
  }
  return {};
}

// The host of `authority` without its port.
std::string_view host_of(std::string_view authority) {
  const std::size_t from = authority.starts_with('[') ? authority.find(']') : 0;
  if (from == std::string_view::npos) return authority;
  return authority.substr(0, authority.find(':', from));
}

Result<void> check_uri(const SolanaMessage& message, const SolanaPolicy& policy) {
  const std::string_view uri = message.uri;
  if (uri.empty()) return {};
  const std::string_view scheme = uri.starts_with(kHttps) ? kHttps : kHttp;
  if (!uri.starts_with(scheme)) return fail(Errc::uri_mismatch, "neither https nor http");
  const std::string_view rest = uri.substr(scheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::string_view host = host_of(authority);
  const bool local = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
  if (scheme == kHttp && !local) return fail(Errc::uri_mismatch, "http on a host that is not this machine");
  if (authority == message.domain) return {};
  if (!contains(policy.uris, uri.substr(0, scheme.size() + authority.size()))) {
    return fail(Errc::uri_mismatch, "origin is neither the domain's nor configured");
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

Result<void> check_nonce(const SolanaMessage& message) {
  const bool alnum = std::ranges::all_of(
      message.nonce, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); });
  if (!alnum || message.nonce.size() < kMinNonceChars) {
    return fail(Errc::nonce_missing, fmt::format("nonce of {} characters", message.nonce.size()));
  }
  return {};
}

Result<void> check_times(const SolanaMessage& message, WallTime now) {
  const auto& [issued, expires, from] = std::tie(message.issued_at, message.expires_at, message.not_before);
  if (expires && ((issued && *issued > *expires) || (from && *from > *expires))) return Errc::message_times;
  if (from && *from > now) return Errc::message_not_yet_valid;
  if (expires && *expires <= now) return Errc::message_expired;
  if (!issued && !expires) return fail(Errc::message_stale, "neither Issued At nor Expiration Time");
  // Compared by sums, which cannot overflow: both times have years of four digits.
  if (issued && (*issued + kIssuedAtTolerance < now || *issued > now + kIssuedAtTolerance)) {
    return fail(Errc::message_stale, "Issued At is too far from now");
  }
  return {};
}

Result<void> check_fields(const SolanaMessage& message, const SolanaPolicy& policy, WallTime now) {
  if (Result<void> uri = check_uri(message, policy); !uri) return uri;
  if (!message.version.empty() && message.version != "1") return Errc::version_unsupported;
  if (Result<void> chain = check_chain(message, policy); !chain) return chain;
  if (Result<void> nonce = check_nonce(message); !nonce) return nonce;
  return check_times(message, now);
}

}  // namespace

Result<SolanaEnvelope> verify_solana_signature(const SolanaProof& proof) {
  Result<std::string> key = solana_public_key(proof.address);
  if (!key) return std::move(key.error());
  Result<std::string> signature = solana_signature(proof.signature);
  if (!signature) return std::move(signature.error());
  return proof.signed_message.empty() ? verify_text(proof.message, *key, *signature)
                                      : verify_bytes(proof.signed_message, *key, *signature);
}

Result<WalletClaim> verify_solana(const SolanaProof& proof, const SolanaPolicy& policy, WallTime now) {
  if (Result<void> sizes = check_sizes(proof); !sizes) return std::move(sizes.error());
  const Result<SolanaEnvelope> envelope = verify_solana_signature(proof);
  if (!envelope) return envelope.error();

  Result<SolanaMessage> parsed = parse_solana_message(envelope->text);
  if (!parsed) return std::move(parsed.error());
  SolanaMessage& message = *parsed;
  if (message.address != proof.address) return fail(Errc::address_mismatch, "the text names another address");
  if (Result<void> domain = check_domain(message, *envelope, policy); !domain) return std::move(domain.error());
  if (Result<void> fields = check_fields(message, policy, now); !fields) return std::move(fields.error());

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
