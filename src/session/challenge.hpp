// The text a wallet is asked to sign.
//
// Place: behind Sessions::challenge. Pure; nothing is stored: the nonce says by itself what it was made for.
// Errors: signin_disabled, chain_unsupported, address_invalid, address_checksum, address_weak, uri_mismatch,
// chain_mismatch.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "identity/ethereum.hpp"
#include "identity/solana.hpp"
#include "session/kinds.hpp"
#include "session/nonce.hpp"

namespace gatecast::session {

/// Long enough for a hardware wallet, short enough that used nonces are few.
inline constexpr std::chrono::minutes kChallengeLife{5};

/// How wallets of Solana sign in ([signin.solana]).
struct SolanaSignIn {
  bool enabled = true;
  identity::SolanaPolicy policy{};
  std::string uri{};        // of the message; empty: https on the domain, http where that is this machine
  std::string statement{};  // empty: none
};

/// How wallets of Ethereum sign in ([signin.ethereum]).
struct EthereumSignIn {
  bool enabled = false;
  identity::EthereumPolicy policy{};
  std::string uri{};
  std::string statement{};
  std::string rpc_url{};        // node that contract wallets are asked at; empty: none are known
  std::uint64_t rpc_chain = 1;  // the chain of that node
};

struct ChallengeRequest {
  std::string chain;
  std::optional<std::string> address{};
  std::optional<std::string> chain_id{};
  std::optional<std::string> uri{};
  std::string origin{};  // of the page, where known: with several domains it says which is meant
  Purpose purpose = Purpose::signin;
};

/// What wallets show instead of the configured statement where the proof is not for signing in.
inline constexpr std::string_view kLinkStatement =
    "Confirm with this wallet a change of your account. No transaction, no fee.";

/// The members of a wallet's `signIn(input)`; an empty string: absent.
struct ChallengeInput {
  std::string domain, address, statement, uri, version, chain_id, nonce;
  WallTime issued_at, expiration_time;  // whole seconds
};

struct Challenge {
  std::string message;  // empty where the address is not known: the wallet writes it from the input
  ChallengeInput input;
};

Result<Challenge> make_challenge(const SolanaSignIn& config, const NonceKeys& nonces, const ChallengeRequest& request,
                                 WallTime now);
/// The text is EIP-4361's, with the address as EIP-55 writes it. Without a chain id the first allowed one is meant.
Result<Challenge> make_challenge(const EthereumSignIn& config, const NonceKeys& nonces, const ChallengeRequest& request,
                                 WallTime now);
/// `signin` or `link`.
std::optional<Purpose> purpose_from_name(std::string_view name);
/// `config_invalid` where no challenge could be made, or its message would not be accepted.
Result<void> check_solana_sign_in(const SolanaSignIn& config);
Result<void> check_ethereum_sign_in(const EthereumSignIn& config);

}  // namespace gatecast::session
