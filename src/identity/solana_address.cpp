#include "identity/solana_address.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text_form.hpp"
#include "crypto/ed25519.hpp"

namespace gatecast::identity {
namespace {

constexpr std::size_t kMinAddressChars = 32;
constexpr std::size_t kMaxAddressChars = 44;
constexpr std::size_t kUnpaddedChars = 86;  // of 64 bytes in base64
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

Result<std::vector<std::string>> solana_signatures(std::string_view text) {
  std::vector<std::string> found;
  const auto take = [&found](std::optional<std::string> bytes) {
    if (!bytes || bytes->size() != kSignatureBytes) return;
    if (std::find(found.begin(), found.end(), *bytes) == found.end()) found.push_back(*std::move(bytes));
  };
  take(base64_decode(text));
  if (text.size() == kUnpaddedChars) take(base64_decode(std::string(text) + "=="));
  take(base64url_decode(text));
  take(base58_decode(text));
  if (found.empty()) return fail(Errc::signature_malformed, fmt::format("{} characters", text.size()));
  return found;
}

}  // namespace gatecast::identity
