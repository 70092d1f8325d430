// Secrets as people write them: text, base64 or hex, said explicitly and never guessed.
//
// Place: token and session keys, at start-up. Pure. A value with quotes, a carriage return or blanks around it is
// refused by name (`secret_form`) instead of becoming another key than the one meant. Other errors: `secret_missing`
// (empty), `key_invalid` (not base64, not hex), `secret_weak` (short, a known default, a placeholder).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.hpp"
#include "core/secret.hpp"

namespace gatecast::token {

enum class SecretEncoding : std::uint8_t { text, base64, hex };
/// `allow` is for development only.
enum class WeakSecrets : std::uint8_t { refuse, allow };

/// Under this a secret can be searched for with the tokens it signed as the oracle.
inline constexpr std::size_t kMinSecretBytes = 32;

std::optional<SecretEncoding> secret_encoding_from_name(std::string_view text);

/// The key bytes that `text` stands for.
Result<Secret> decode_secret(const Secret& text, SecretEncoding encoding);
/// Refuses short secrets, defaults of well-known software, placeholders and monotonous ones.
Result<void> check_strength(const Secret& key);

}  // namespace gatecast::token
