// For tests: a wallet of our own that signs what it is told, and the policy and time its messages are made for.
#pragma once

#include "core/text_form.hpp"
#include "core/time_text.hpp"
#include "crypto/ed25519.hpp"
#include "identity/solana.hpp"
#include "identity/solana_message.hpp"

namespace gatecast::identity {

class TestWallet {
 public:
  explicit TestWallet(char seed) : key_(*crypto::Ed25519Key::from_seed(Secret(std::string(32, seed)))) {}

  std::string public_key() const { return key_.public_key(); }
  std::string address() const { return base58_encode(key_.public_key()); }
  std::string sign(std::string_view bytes) const { return key_.sign(bytes); }

  /// A message that policy() and now() accept.
  SolanaMessage message() const {
    return {.domain = "app.example",
            .address = address(),
            .statement = "Sign in to prove that this wallet is yours.",
            .uri = "https://app.example/login",
            .version = "1",
            .chain_id = "mainnet",
            .nonce = "8KJmGkTzQdYhW2vR",
            .issued_at = now(),
            .expires_at = now() + std::chrono::minutes{5}};
  }

  /// The text signed as it is.
  SolanaProof prove(const std::string& text) const {
    return {.address = address(), .message = text, .signature = base64_encode(sign(text))};
  }
  SolanaProof prove(const SolanaMessage& message) const { return prove(format_solana_message(message)); }

  /// The exact bytes, as wallets return them that wrap the text themselves.
  SolanaProof prove_bytes(const std::string& bytes) const {
    return {.address = address(), .signed_message = bytes, .signature = base64_encode(sign(bytes))};
  }

  /// A v0 envelope of this wallet around `text`, with the domain of message().
  SolanaEnvelope envelope(std::string text, SolanaForm form = SolanaForm::v0) const {
    SolanaEnvelope out{.form = form, .text = std::move(text)};
    if (form == SolanaForm::v0) {
      out.application_domain = application_domain("app.example");
      out.signer = public_key();
    }
    return out;
  }

  static WallTime now() { return *parse_rfc3339("2025-06-01T12:00:00Z"); }
  static SolanaPolicy policy() {
    return {.domains = {"app.example", "localhost:3002"},
            .uris = {"https://www.app.example"},
            .chains = {"mainnet", "solana:devnet", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"}};
  }

 private:
  crypto::Ed25519Key key_;
};

}  // namespace gatecast::identity
