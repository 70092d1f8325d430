// Signatures of Ethereum accounts that are contracts (ERC-1271): what to ask the contract, and what it answered.
//
// Place: identity, beside ethereum.hpp; session asks the node. Pure; any thread. A contract decides by itself what it
// takes for a signature, so its bytes are passed on as they are. Those of a contract that is not there yet (ERC-6492)
// are refused: to check one would mean to let the node run code that the client sent.
// Bounds: kMaxContractSignatureBytes. Errors: signature_malformed, contract_wallet_unsupported.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::identity {

inline constexpr std::size_t kMaxContractSignatureBytes = 8192;

/// Whether a signature refused by this code, as one of a key, may still be a contract's.
bool may_be_contract_signature(Errc refusal);

/// The bytes of a signature in hex, with or without 0x.
Result<std::string> contract_signature(std::string_view text);

/// The input of `isValidSignature(bytes32,bytes)`, in hex with 0x.
std::string is_valid_signature_input(std::string_view hash32, std::string_view signature);

/// Whether a call's result, in hex with 0x, is ERC-1271's yes: 0x1626ba7e and 28 zero bytes.
bool is_valid_signature_output(std::string_view result);

}  // namespace gatecast::identity
