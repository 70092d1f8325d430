#include "crypto/secp256k1.hpp"

#include <secp256k1_recovery.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace gatecast::crypto::secp256k1 {
namespace {

constexpr std::size_t kScalarBytes = 32;
constexpr unsigned char kUncompressed = 4;

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Recovery uses neither tables of the context nor secrets, so the context needs no capabilities and no blinding.
const secp256k1_context* context() {
  static const secp256k1_context* const kept = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  if (kept == nullptr) std::abort();
  return kept;
}

bool is_zero(std::string_view scalar) {
  return std::ranges::all_of(scalar, [](char c) { return c == 0; });
}

}  // namespace

Result<std::string> recover(std::string_view hash32, std::string_view signature65) {
  if (hash32.size() != kHashBytes || signature65.size() != kRecoverableBytes) {
    return fail(Errc::signature_malformed, "wrong size of hash or signature");
  }
  const int recovery_id = static_cast<unsigned char>(signature65.back());
  // 2 and 3 name an r that wrapped around n, which no honest signer will ever meet.
  if (recovery_id > 1) return fail(Errc::signature_malformed, "recovery id is neither 0 nor 1");
  if (is_zero(signature65.substr(0, kScalarBytes)) || is_zero(signature65.substr(kScalarBytes, kScalarBytes))) {
    return fail(Errc::signature_malformed, "r or s is zero");
  }

  secp256k1_ecdsa_recoverable_signature recoverable;
  if (secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &recoverable, bytes(signature65), recovery_id) ==
      0) {
    return fail(Errc::signature_malformed, "r or s is not below the order of the group");
  }
  secp256k1_ecdsa_signature signature;
  secp256k1_ecdsa_recoverable_signature_convert(context(), &signature, &recoverable);
  if (secp256k1_ecdsa_signature_normalize(context(), nullptr, &signature) != 0) {
    return fail(Errc::signature_malleable, "s is in the upper half");
  }
  secp256k1_pubkey key;
  if (secp256k1_ecdsa_recover(context(), &key, &recoverable, bytes(hash32)) == 0) {
    return fail(Errc::signature_invalid, "r is the x of no point");
  }
  std::array<unsigned char, 65> point{};
  std::size_t size = point.size();
  secp256k1_ec_pubkey_serialize(context(), point.data(), &size, &key, SECP256K1_EC_UNCOMPRESSED);
  if (size != point.size() || point[0] != kUncompressed) std::abort();
  return std::string(point.begin() + 1, point.end());
}

}  // namespace gatecast::crypto::secp256k1
