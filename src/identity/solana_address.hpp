// Solana addresses and signatures in their text forms.
//
// Place: identity, above crypto. Pure; any thread. An address is the base58 form of an Ed25519 public key, a signature
// the 64 bytes R ‖ S. Base58 of 32 bytes has one text only, so two addresses are equal where their texts are.
// Errors: address_invalid, address_weak, signature_malformed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace gatecast::identity {

inline constexpr std::size_t kPublicKeyBytes = 32;
inline constexpr std::size_t kSignatureBytes = 64;

/// Whether `text` has the form 32*44BASE58 of the grammar; says nothing about the key behind it.
bool has_address_form(std::string_view text);

/// The 32 bytes of the address, which may be no key to trust: for who verifies with them, and asks about a weak key
/// where that fails. address_invalid: not the base58 of exactly 32 bytes.
Result<std::string> solana_key_bytes(std::string_view address);

/// The 32 bytes of the key. address_invalid: not the base58 of exactly 32 bytes. address_weak: no point of the curve,
/// or one of small order, under which a signature proves nothing.
Result<std::string> solana_public_key(std::string_view address);

/// The 64 bytes of a signature given as base64 (padded or not), base64url (not padded) or base58: wallets and SDKs
/// differ in which they hand out. A few texts – one in a quarter of a million – are good as base58 and as base64, so
/// there may be two: whichever verifies was meant. Anything else, also a text with stray bits, is signature_malformed.
Result<std::vector<std::string>> solana_signatures(std::string_view text);

}  // namespace gatecast::identity
