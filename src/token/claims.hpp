// What an access token says (RFC 9068 and our `sid`, `gen`).
//
// Place: made by session, carried by Issuer and Verifier. Pure values; any thread.
// Bounds: numbers within ±2^53, so that every JSON reader agrees on them. Errors: `token_claims`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace gatecast::token {

class JsonObject;

struct Claims {
  std::string iss{};
  std::vector<std::string> aud{};
  std::int64_t exp = 0;  // seconds since 1970
  std::int64_t iat = 0;
  std::optional<std::int64_t> nbf{};
  std::string sub{}, sid{}, jti{};
  std::uint64_t gen = 1;          // generation of the session's refresh token, from 1
  std::string extra_json = "{}";  // the other members, as one JSON object's text

  bool operator==(const Claims&) const = default;
};

/// Whether `name` is one of the members that Claims holds itself; such a member of `extra_json` is never written.
bool is_registered_claim(std::string_view name);

/// The members that Claims does not hold itself, as one JSON object's text.
std::string further_claims(const JsonObject& object);

/// Types and presence only; issuer, audience and times are the verifier's to judge.
Result<Claims> read_claims(const JsonObject& object);

/// One JSON object: iss, aud, exp, iat, nbf, sub, sid, gen, jti, then the members of `extra_json` in their order.
/// `internal` where `extra_json` is no object.
Result<std::string> write_claims(const Claims& claims);

}  // namespace gatecast::token
