// Mints access tokens: `typ: at+jwt`, signed by the ring's active key (RFC 9068).
//
// Place: session calls it. Threads: any, also beside `use`. Lifetime: a ring outlives the calls begun with it.
// Errors: `internal` where the claims would make a token that every verifier refuses (a claim empty or out of range,
// `extra_json` no object, text not UTF-8, more than 8192 bytes in all).
#pragma once

#include <atomic>
#include <string>

#include "core/result.hpp"
#include "token/claims.hpp"
#include "token/key_ring.hpp"

namespace gatecast::token {

class Issuer {
 public:
  explicit Issuer(const KeyRing& ring) : ring_(&ring) {}
  /// Another ring signs from here on; verifiers must know it already.
  void use(const KeyRing& ring) { ring_.store(&ring, std::memory_order_release); }
  Result<std::string> mint(const Claims& claims) const;

 private:
  std::atomic<const KeyRing*> ring_;
};

}  // namespace gatecast::token
