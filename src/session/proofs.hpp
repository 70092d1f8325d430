// What people bring to show who they are, and what has been shown once it is verified.
//
// Place: under Sessions; above identity and the nonces. One way for signing in and for linking, so that neither is
// laxer than the other. Threads: immutable after `make`; any. A contract wallet's signature is asked of the chain's
// node, on the loop that awaits.
// Nothing is consumed here: `Proven::nonce` is for the store, in the transaction that the proof is for.
// Errors: those of identity and of the nonces; signin_disabled, chain_unsupported, challenge_required,
// initdata_missing; temporarily_unavailable where a node must be asked and does not answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/task.hpp"
#include "identity/telegram.hpp"
#include "identity/telegram_user.hpp"
#include "outbound/outbound.hpp"
#include "session/challenge.hpp"

namespace gatecast::session {

struct WalletSignIn {
  std::string chain;
  std::string address;
  std::string message{};         // the text, or
  std::string signed_message{};  // the exact bytes signed, decoded; Solana
  std::string signature{};       // text form
  std::string ref_code{};        // of the referrer; counts for a new user only
};

/// The first that is not empty counts.
struct TelegramProof {
  std::string init_data{};                             // Telegram.WebApp.initData as it is
  std::vector<identity::TelegramField> widget{};       // what a Login Widget gave its callback
  std::optional<identity::TelegramUser> unverified{};  // a name without any proof; only where `direct` allows it
  std::optional<std::int64_t> bot_id{};                // the bot that the client says it is for
};

using Proof = std::variant<WalletSignIn, TelegramProof>;

/// The address or kind of data a proof is about, for the audit of a refusal; short, never a secret.
std::string noted(const Proof& proof);

/// How Telegram's users sign in ([signin.telegram]).
struct TelegramSignIn {
  bool enabled = false;
  identity::TelegramPolicy policy{};
  bool direct = false;  // development: users may be named without proof
};

/// What a verified proof says.
struct Proven {
  std::string kind;                  // of the identity
  std::string subject;               // in its one stored form
  std::string profile{};             // one JSON object's text; empty: there is none
  std::string how;                   // as SessionRow has it
  std::string nonce{};               // single use; empty: nothing to consume
  WallTime nonce_expires{};          // the proof is refused from then on
  WallTime made_at{};                // when it was signed, as far as is known
  Errc replayed = Errc::nonce_used;  // what a used nonce is called
  /// A proof that comes again this soon answers the session it made, with the same `secret`.
  Duration reload_window{};
  std::string secret{};              // of the session; empty: a random one
  std::string ref_code{};            // of the referrer, where it was signed
  std::string nickname{}, avatar{};  // suggestions for a new user
};

class Proofs {
 public:
  struct Options {
    SolanaSignIn solana{};
    EthereumSignIn ethereum{};
    TelegramSignIn telegram{};
  };
  /// `outbound` asks the node of [signin.ethereum] and may be null where there is none; it outlives the object.
  /// Errors: secret_missing, secret_weak, config_invalid.
  static Result<Proofs> make(Options options, const SessionKeyList& keys, outbound::Outbound* outbound);

  Result<Challenge> challenge(const ChallengeRequest& request, WallTime now) const;
  Task<Result<Proven>> prove(Proof proof, Purpose purpose, WallTime now) const;

 private:
  Proofs(Options options, NonceKeys nonces, crypto::HmacKey reload, outbound::Outbound* outbound)
      : options_(std::move(options)), nonces_(std::move(nonces)), reload_(std::move(reload)), outbound_(outbound) {}

  Task<Result<Proven>> prove_wallet(WalletSignIn proof, Purpose purpose, WallTime now) const;
  Result<Proven> prove_solana(WalletSignIn proof, Purpose purpose, WallTime now) const;
  Task<Result<Proven>> prove_ethereum(WalletSignIn proof, Purpose purpose, WallTime now) const;
  Result<Proven> prove_telegram(const TelegramProof& proof, WallTime now) const;
  Result<Proven> wallet_proven(std::string_view chain, identity::WalletClaim claim, Purpose purpose,
                               WallTime now) const;
  Proven telegram_proven(const identity::TelegramClaim& claim, std::string_view how) const;

  Options options_;
  NonceKeys nonces_;
  crypto::HmacKey reload_;
  outbound::Outbound* outbound_;
};

}  // namespace gatecast::session
