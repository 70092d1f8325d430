#include "identity/ethereum_address.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text_form.hpp"
#include "crypto/keccak.hpp"
#include "crypto/secp256k1.hpp"

namespace gatecast::identity {
namespace {

constexpr std::string_view kPrefix = "0x";
constexpr std::size_t kAddressDigits = 40;
constexpr std::size_t kAddressBytes = kAddressDigits / 2;
/// Wrapped signatures of contract wallets carry the wallet's own code; longer texts are not decoded.
constexpr std::size_t kMaxSignatureChars = std::size_t{32} * 1024;

bool is_upper(char c) { return c >= 'A' && c <= 'F'; }
bool is_lower(char c) { return c >= 'a' && c <= 'f'; }
bool is_hex(char c) { return (c >= '0' && c <= '9') || is_upper(c) || is_lower(c); }
char to_lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }
char to_upper(char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; }

// ERC-6492: a wallet that is not deployed yet marks its signature by these 32 bytes at the end.
bool is_wrapped(std::string_view signature) {
  static const std::string kMark = [] {
    std::string mark;
    while (mark.size() < 32) mark.append("\x64\x92");
    return mark;
  }();
  return signature.ends_with(kMark);
}

}  // namespace

std::string with_checksum(std::string_view lower_case) {
  std::string out(lower_case);
  const std::string hash = hex_encode(crypto::keccak256(lower_case.substr(kPrefix.size())));
  for (std::size_t i = kPrefix.size(); i < out.size(); ++i) {
    if (hash[i - kPrefix.size()] >= '8') out[i] = to_upper(out[i]);  // as hex digits, '8' to 'f' are 8 and above
  }
  return out;
}

Result<std::string> ethereum_address(std::string_view text) {
  if (!text.starts_with(kPrefix)) return fail(Errc::address_invalid, "does not begin with 0x");
  const std::string_view digits = text.substr(kPrefix.size());
  if (digits.size() != kAddressDigits || !std::ranges::all_of(digits, is_hex)) {
    return fail(Errc::address_invalid, "not 40 hex digits after 0x");
  }
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), to_lower);
  const bool mixed = std::ranges::any_of(digits, is_upper) && std::ranges::any_of(digits, is_lower);
  if (mixed && with_checksum(lower) != text) return fail(Errc::address_checksum);
  return lower;
}

std::string ethereum_address_of(std::string_view public_key64) {
  const std::string hash = crypto::keccak256(public_key64);
  return std::string(kPrefix) + hex_encode(std::string_view(hash).substr(hash.size() - kAddressBytes));
}

Result<std::string> ethereum_signature(std::string_view text) {
  const std::string_view digits = text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text;
  std::optional<std::string> bytes;
  if (digits.size() <= kMaxSignatureChars) bytes = hex_decode(digits);
  if (!bytes || bytes->empty()) return fail(Errc::signature_malformed, fmt::format("{} characters", text.size()));
  if (is_wrapped(*bytes)) return fail(Errc::contract_wallet_unsupported, "ERC-6492");
  if (bytes->size() != crypto::secp256k1::kRecoverableBytes) {
    return fail(Errc::contract_wallet_unsupported, fmt::format("{} bytes", bytes->size()));
  }
  const int v = static_cast<unsigned char>(bytes->back());
  if (v != 0 && v != 1 && v != 27 && v != 28) return fail(Errc::recovery_id_unsupported, fmt::format("v is {}", v));
  bytes->back() = static_cast<char>(v % 27);
  return *std::move(bytes);
}

}  // namespace gatecast::identity
