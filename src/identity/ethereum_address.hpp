// Ethereum addresses and signatures in their text forms.
//
// Place: identity, above crypto. Pure; any thread. An address is the last 20 bytes of the Keccak-256 of a public key,
// written as 0x and 40 hex digits, whose capitals may be a checksum (EIP-55). One address has many such texts; the one
// that is stored and compared is lower case, or two spellings would become two users.
// Errors: address_invalid, address_checksum, signature_malformed, recovery_id_unsupported, contract_wallet_unsupported.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::identity {

/// The lower-case form. Digits all in lower or all in upper case carry no checksum; mixed ones must be right.
Result<std::string> ethereum_address(std::string_view text);

/// The mixed-case form (EIP-55) of an address in lower case.
std::string with_checksum(std::string_view lower_case);

/// The address, in lower case, of a public key given as X ‖ Y.
std::string ethereum_address_of(std::string_view public_key64);

/// r ‖ s ‖ recovery id (0 or 1) of a signature given in hex, with or without 0x, its last byte being 0, 1, 27 or 28.
/// Other sizes, and the suffix of ERC-6492, are what wallets without a key of their own answer.
Result<std::string> ethereum_signature(std::string_view text);

}  // namespace gatecast::identity
