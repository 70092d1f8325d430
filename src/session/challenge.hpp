// The text a wallet is asked to sign.
//
// Place: behind Sessions::challenge. Pure; nothing is stored: the nonce says by itself what it was made for.
// Errors: signin_disabled, chain_unsupported, address_invalid, address_weak, uri_mismatch, chain_mismatch.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "identity/solana.hpp"
#include "session/nonce.hpp"

namespace gatecast::session {

inline constexpr std::string_view kChainSolana = "solana";
/// Long enough for a hardware wallet, short enough that used nonces are few.
inline constexpr std::chrono::minutes kChallengeLife{5};

/// How wallets of Solana sign in ([signin.solana]).
struct SolanaSignIn {
  bool enabled = true;
  identity::SolanaPolicy policy{};
  std::string uri{};        // of the message; empty: https on the domain, http where that is this machine
  std::string statement{};  // empty: none
};

struct ChallengeRequest {
  std::string chain;
  std::optional<std::string> address{};
  std::optional<std::string> chain_id{};
  std::optional<std::string> uri{};
  std::string origin{};  // of the page, where known: with several domains it says which is meant
  Purpose purpose = Purpose::signin;
};

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
/// `signin` or `link`.
std::optional<Purpose> purpose_from_name(std::string_view name);
/// `config_invalid` where no challenge could be made, or its message would not be accepted.
Result<void> check_solana_sign_in(const SolanaSignIn& config);

}  // namespace gatecast::session
