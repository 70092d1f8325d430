// Sign-in with a Solana wallet: a proof, a policy and the time in; who signed, or the reason why not, out.
//
// Place: called by session, which then checks and consumes the nonce. Pure: no store, no network, no clock; any thread.
// Order of checks: sizes, address form, signature form, envelope and signature over the exact bytes, then the fields of
// the text; the first that fails is the answer. Cost: one Ed25519 verification, at most ten where only the text is
// given and the signature is wrong.
#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "identity/solana_address.hpp"
#include "identity/solana_envelope.hpp"
#include "identity/wallet_fields.hpp"

namespace gatecast::identity {

/// As received. Where `signed_message` is given it alone counts, and `message` is not looked at.
struct SolanaProof {
  std::string address;
  std::string message{};         // the UTF-8 text, or empty
  std::string signed_message{};  // the exact bytes the wallet signed, or empty
  std::string signature{};       // base64, base64url or base58
};

struct SolanaPolicy {
  std::vector<std::string> domains;   // exact, with port; none of them: every message is refused
  std::vector<std::string> uris{};    // origins (`https://host[:port]`) allowed beside the domain's own
  std::vector<std::string> chains{};  // allowed Chain IDs; a message without one is fine
};

Result<WalletClaim> verify_solana(const SolanaProof& proof, const SolanaPolicy& policy, WallTime now);

/// The part of verify_solana that needs no policy: forms, envelope, signature, signer. Neither the size of the text nor
/// what it says is judged.
Result<SolanaEnvelope> verify_solana_signature(const SolanaProof& proof);

}  // namespace gatecast::identity
