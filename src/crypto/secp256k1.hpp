// ECDSA on secp256k1 (SEC 2) with recovery of the public key (SEC 1 §4.1.6), by libsecp256k1.
//
// Place: Ethereum's signatures (identity). Pure; any thread: the library's context is made once and only read.
// Errors: signature_malformed, signature_malleable, signature_invalid.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace gatecast::crypto::secp256k1 {

inline constexpr std::size_t kHashBytes = 32;
inline constexpr std::size_t kRecoverableBytes = 65;

/// The key, X ‖ Y of 32 bytes each, under which `signature65` (r ‖ s ‖ recovery id 0 or 1) verifies for `hash32`.
/// signature_malformed: another size, another recovery id, r or s not in 1..n-1. signature_malleable: s above n/2,
/// which everybody can make of anybody's signature. signature_invalid: r is not the x of a point.
Result<std::string> recover(std::string_view hash32, std::string_view signature65);

}  // namespace gatecast::crypto::secp256k1
