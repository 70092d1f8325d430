#include "identity/contract_wallet.hpp"

#include <fmt/format.h>

#include "core/text_form.hpp"

namespace gatecast::identity {
namespace {

constexpr std::string_view kPrefix = "0x";
constexpr std::string_view kSelector = "1626ba7e";
constexpr std::size_t kWordBytes = 32;

/// One word of the ABI: 32 bytes, big-endian.
std::string word(std::size_t value) { return fmt::format("{:064x}", value); }

bool is_not_deployed(std::string_view signature) {
  if (signature.size() < kWordBytes) return false;
  const std::string_view end = signature.substr(signature.size() - kWordBytes);
  for (std::size_t i = 0; i < kWordBytes; i += 2) {
    if (end.substr(i, 2) != "\x64\x92") return false;
  }
  return true;
}

}  // namespace

bool may_be_contract_signature(Errc refusal) {
  return refusal == Errc::contract_wallet_unsupported || refusal == Errc::signature_invalid ||
         refusal == Errc::signature_malleable || refusal == Errc::recovery_id_unsupported ||
         refusal == Errc::signature_malformed;
}

Result<std::string> contract_signature(std::string_view text) {
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  std::optional<std::string> bytes;
  if (text.size() <= 2 * kMaxContractSignatureBytes) bytes = hex_decode(text);
  if (!bytes || bytes->empty()) return fail(Errc::signature_malformed, fmt::format("{} characters", text.size()));
  if (is_not_deployed(*bytes)) return fail(Errc::contract_wallet_unsupported, "ERC-6492: not deployed");
  return *std::move(bytes);
}

std::string is_valid_signature_input(std::string_view hash32, std::string_view signature) {
  std::string out(kPrefix);
  out.append(kSelector).append(hex_encode(hash32)).append(word(2 * kWordBytes)).append(word(signature.size()));
  out += hex_encode(signature);
  if (const std::size_t rest = signature.size() % kWordBytes; rest != 0) out.append(2 * (kWordBytes - rest), '0');
  return out;
}

bool is_valid_signature_output(std::string_view result) {
  return result == fmt::format("{}{}{}", kPrefix, kSelector, std::string(56, '0'));
}

}  // namespace gatecast::identity
