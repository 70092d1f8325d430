// Sign-in with an Ethereum wallet: a proof, a policy and the time in; who signed, or the reason why not, out.
//
// Place: called by session, which then checks and consumes the nonce. Pure: no store, no network, no clock; any thread.
// Order of checks: size, address form, signature form, the signer of the exact bytes (EIP-191), then the fields of the
// text; the first that fails is the answer. Cost: one recovery of a secp256k1 key. Wallets that are contracts have no
// key to recover and would need a node of their chain: contract_wallet_unsupported.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "identity/wallet_fields.hpp"

namespace gatecast::identity {

/// As received.
struct EthereumProof {
  std::string address;
  std::string message;    // the exact text that was signed
  std::string signature;  // hex
};

struct EthereumPolicy {
  std::vector<std::string> domains;     // exact, with port; none of them: every message is refused
  std::vector<std::string> uris{};      // origins (`https://host[:port]`) allowed beside the domain's own
  std::vector<std::uint64_t> chains{};  // allowed Chain IDs; none of them: every message is refused
};

/// The claim's address is in lower case, its chain_id in decimal without leading zeros.
Result<WalletClaim> verify_ethereum(const EthereumProof& proof, const EthereumPolicy& policy, WallTime now);

/// The claim as verify_ethereum gives it, with everything judged but the signature, which is not looked at.
Result<WalletClaim> read_ethereum_claim(const EthereumProof& proof, const EthereumPolicy& policy, WallTime now);

/// The part of verify_ethereum that needs no policy: forms, signature, signer. The address in lower case. Neither the
/// size of the text nor what it says is judged.
Result<std::string> verify_ethereum_signature(const EthereumProof& proof);

/// What `personal_sign` signs (EIP-191, version 0x45): 32 bytes.
std::string personal_message_hash(std::string_view message);

}  // namespace gatecast::identity
