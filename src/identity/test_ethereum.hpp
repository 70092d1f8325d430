// For tests: an Ethereum wallet of our own that signs what it is told, and the policy and time its messages are for.
// Who includes it links libsecp256k1.
#pragma once

#include <secp256k1_recovery.h>

#include <array>

#include "core/text_form.hpp"
#include "core/time_text.hpp"
#include "identity/ethereum.hpp"
#include "identity/ethereum_address.hpp"
#include "identity/ethereum_message.hpp"

namespace gatecast::identity {

class EthereumTestWallet {
 public:
  explicit EthereumTestWallet(char seed) : key_(32, seed) {}

  /// Lower case.
  std::string address() const {
    secp256k1_pubkey key;
    EXPECT_EQ(secp256k1_ec_pubkey_create(context(), &key, bytes(key_)), 1);
    std::array<unsigned char, 65> point{};
    std::size_t size = point.size();
    secp256k1_ec_pubkey_serialize(context(), point.data(), &size, &key, SECP256K1_EC_UNCOMPRESSED);
    return ethereum_address_of(std::string(point.begin() + 1, point.end()));
  }

  /// r ‖ s ‖ 27 or 28 over the text as `personal_sign` hashes it.
  std::string sign(std::string_view text) const {
    const std::string hash = personal_message_hash(text);
    secp256k1_ecdsa_recoverable_signature signature;
    EXPECT_EQ(secp256k1_ecdsa_sign_recoverable(context(), &signature, bytes(hash), bytes(key_), nullptr, nullptr), 1);
    std::array<unsigned char, 64> compact{};
    int id = 0;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), compact.data(), &id, &signature);
    return std::string(compact.begin(), compact.end()) + static_cast<char>(27 + id);
  }

  /// A message that policy() and now() accept.
  EthereumMessage message() const {
    return {.domain = "app.example",
            .address = with_checksum(address()),
            .statement = "Sign in to prove that this wallet is yours.",
            .uri = "https://app.example/login",
            .chain_id = 1,
            .nonce = "8KJmGkTzQdYhW2vR",
            .issued_at = now(),
            .expires_at = now() + std::chrono::minutes{5}};
  }

  EthereumProof prove(const std::string& text) const {
    return {.address = with_checksum(address()), .message = text, .signature = "0x" + hex_encode(sign(text))};
  }
  EthereumProof prove(const EthereumMessage& message) const { return prove(format_ethereum_message(message)); }

  static WallTime now() { return *parse_rfc3339("2025-06-01T12:00:00Z"); }
  static EthereumPolicy policy() {
    return {.domains = {"app.example", "localhost:3002"}, .uris = {"https://www.app.example"}, .chains = {1, 137}};
  }

 private:
  static const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }
  static const secp256k1_context* context() {
    static const secp256k1_context* const kept = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    return kept;
  }

  std::string key_;
};

}  // namespace gatecast::identity
