#include "identity/ethereum.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/keccak.hpp"
#include "crypto/secp256k1.hpp"
#include "identity/ethereum_address.hpp"
#include "identity/ethereum_message.hpp"

namespace gatecast::identity {
namespace {

Result<void> check_size(std::string_view message) {
  if (message.size() > kMaxMessageBytes) {
    return fail(Errc::message_too_large, fmt::format("{} bytes", message.size()));
  }
  if (message.size() < kMinMessageBytes) {
    return fail(Errc::message_malformed, fmt::format("{} bytes are too few", message.size()));
  }
  return {};
}

Result<void> check_fields(const EthereumMessage& message, const EthereumPolicy& policy, WallTime now) {
  if (Result<void> domain = check_domain(message.domain, policy.domains); !domain) return domain;
  if (!message.scheme.empty() && !is_safe_scheme(message.scheme, message.domain)) {
    return fail(Errc::domain_mismatch, "neither https, nor http on this machine");
  }
  if (Result<void> uri = check_uri(message.uri, message.domain, policy.uris); !uri) return uri;
  if (Result<void> version = check_version(message.version); !version) return version;
  if (std::ranges::find(policy.chains, message.chain_id) == policy.chains.end()) {
    return fail(Errc::chain_mismatch, fmt::format("signed for chain {}", message.chain_id));
  }
  if (Result<void> nonce = check_nonce(message.nonce); !nonce) return nonce;
  return check_times(message.issued_at, message.expires_at, message.not_before, now);
}

}  // namespace

std::string personal_message_hash(std::string_view message) {
  return crypto::keccak256(
      fmt::format("\x19"
                  "Ethereum Signed Message:\n{}{}",
                  message.size(), message));
}

Result<std::string> verify_ethereum_signature(const EthereumProof& proof) {
  Result<std::string> address = ethereum_address(proof.address);
  if (!address) return address;
  const Result<std::string> signature = ethereum_signature(proof.signature);
  if (!signature) return signature.error();
  const Result<std::string> key = crypto::secp256k1::recover(personal_message_hash(proof.message), *signature);
  if (!key) return key.error();
  // Recovery always finds some key: of a changed text or a foreign signature it is nobody's.
  if (ethereum_address_of(*key) != *address) return fail(Errc::signature_invalid, "another key signed");
  return address;
}

Result<WalletClaim> verify_ethereum(const EthereumProof& proof, const EthereumPolicy& policy, WallTime now) {
  if (Result<void> size = check_size(proof.message); !size) return std::move(size.error());
  if (Result<std::string> signer = verify_ethereum_signature(proof); !signer) return std::move(signer.error());
  return read_ethereum_claim(proof, policy, now);
}

Result<WalletClaim> read_ethereum_claim(const EthereumProof& proof, const EthereumPolicy& policy, WallTime now) {
  if (Result<void> size = check_size(proof.message); !size) return std::move(size.error());
  Result<std::string> address = ethereum_address(proof.address);
  if (!address) return std::move(address.error());
  Result<EthereumMessage> parsed = parse_ethereum_message(proof.message);
  if (!parsed) return std::move(parsed.error());
  EthereumMessage& message = *parsed;
  if (ethereum_address(message.address).value() != *address) {
    return fail(Errc::address_mismatch, "the text names another address");
  }
  if (Result<void> fields = check_fields(message, policy, now); !fields) return std::move(fields.error());

  return WalletClaim{
      .address = *std::move(address),
      .domain = std::move(message.domain),
      .nonce = std::move(message.nonce),
      .statement = std::move(message.statement),
      .uri = std::move(message.uri),
      .chain_id = std::to_string(message.chain_id),
      .request_id = std::move(message.request_id),
      .issued_at = message.issued_at,
      .expires_at = message.expires_at,
      .not_before = message.not_before,
  };
}

}  // namespace gatecast::identity
