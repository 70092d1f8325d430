// The signature algorithms of access tokens (RFC 7518, RFC 8037). `none` has no value here, so no key can have it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gatecast::token {

enum class Algorithm : std::uint8_t { hs256, hs384, hs512, es256, eddsa, rs256 };

inline constexpr std::array kAlgorithms = {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512,
                                           Algorithm::es256, Algorithm::eddsa, Algorithm::rs256};

/// The registered name, as `alg` has it.
constexpr std::string_view name(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::hs256: return "HS256";
    case Algorithm::hs384: return "HS384";
    case Algorithm::hs512: return "HS512";
    case Algorithm::es256: return "ES256";
    case Algorithm::eddsa: return "EdDSA";
    case Algorithm::rs256: return "RS256";
  }
  return "";
}

/// Names are compared letter for letter, as RFC 7515 §4.1.1 has it.
constexpr std::optional<Algorithm> algorithm_from_name(std::string_view text) {
  for (const Algorithm a : kAlgorithms) {
    if (name(a) == text) return a;
  }
  return std::nullopt;
}

/// Whether who can verify can also mint.
constexpr bool symmetric(Algorithm a) { return a <= Algorithm::hs512; }

}  // namespace gatecast::token
