#include "identity/solana_address.hpp"

#include <fmt/format.h>

#include "core/text_form.hpp"
#include "crypto/ed25519.hpp"

namespace gatecast::identity {
namespace {

constexpr std::size_t kMinAddressChars = 32;
constexpr std::size_t kMaxAddressChars = 44;
constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

}  // namespace

bool has_address_form(std::string_view text) {
  return text.size() >= kMinAddressChars && text.size() <= kMaxAddressChars &&
         text.find_first_not_of(kBase58) == std::string_view::npos;
}

Result<std::string> solana_key_bytes(std::string_view address) {
  if (!has_address_form(address)) return fail(Errc::address_invalid, "not 32 to 44 characters of base58");
  std::optional<std::string> key = base58_decode(address);
  if (!key || key->size() != kPublicKeyBytes) return fail(Errc::address_invalid, "base58 of other than 32 bytes");
  return *std::move(key);
}

Result<std::string> solana_public_key(std::string_view address) {
  Result<std::string> key = solana_key_bytes(address);
  if (key && crypto::ed25519_is_weak(*key)) return fail(Errc::address_weak);
  return key;
}

// No text is tried in two forms that could both be meant: padded base64 has '=', which the others lack; 86 characters
// are base64url, and base58 only of a signature that starts with a zero byte.
Result<std::string> solana_signature(std::string_view text) {
  for (const auto decode : {base64_decode, base64url_decode, base58_decode}) {
    std::optional<std::string> bytes = decode(text);
    if (bytes && bytes->size() == kSignatureBytes) return *std::move(bytes);
  }
  return fail(Errc::signature_malformed, fmt::format("{} characters", text.size()));
}

}  // namespace gatecast::identity
