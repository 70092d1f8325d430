// Mints access tokens: `typ: at+jwt`, signed by the ring's active key (RFC 9068).
//
// Place: session calls it. Threads: any. Lifetime: the ring outlives it.
// Errors: `internal` where the claims would make a token that every verifier refuses (a claim empty or out of range,
// `extra_json` no object, text not UTF-8, more than 8192 bytes in all).
#pragma once

#include <string>

#include "core/result.hpp"
#include "token/claims.hpp"
#include "token/key_ring.hpp"

namespace gatecast::token {

class Issuer {
 public:
  explicit Issuer(const KeyRing& ring) : ring_(ring) {}
  Result<std::string> mint(const Claims& claims) const;

 private:
  const KeyRing& ring_;
};

}  // namespace gatecast::token
