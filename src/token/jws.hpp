// Compact JWS (RFC 7515 §7.1), read strictly.
//
// Place: under Verifier and inspect. Pure; any thread; the parts are views into the token. Exactly three parts, strict
// base64url (no padding, no trailing bits), a header that is one JSON object. Headers that bring or point to keys, or
// ask for extensions (jwk, jku, x5u, x5c, crit, b64), are refused: keys come from the ring alone.
// Bounds: 8192 bytes. Errors: `token_malformed`, `token_encrypted` (a JWE), `token_key_unknown`, `token_algorithm`,
// `token_signature`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "token/key_ring.hpp"

namespace gatecast::token {

/// Every header line must carry it, and parsing is paid for before the signature is known to be good.
inline constexpr std::size_t kMaxTokenBytes = 8192;

struct JwsParts {
  std::string_view header, payload, signature;  // encoded
  std::string_view signing_input;
};

struct Jws {
  std::string_view signing_input{};
  const Key* own = nullptr;  // the header is this key's own access header, letter for letter; alg, kid, typ are not set
  std::string alg{};
  std::optional<std::string> kid{}, typ{};
  std::string payload{};    // decoded
  std::string signature{};  // decoded
};

/// The three parts, not yet decoded.
Result<JwsParts> split_jws(std::string_view token);
/// Splits and decodes; with a ring, its own headers are recognised without reading them again.
Result<Jws> parse_jws(std::string_view token, const KeyRing* ring = nullptr);
/// The key under which the signature is good. Without `kid`, the keys of the algorithm are tried.
Result<const Key*> check_signature(const Jws& jws, const KeyRing& ring, WallTime now);

}  // namespace gatecast::token
