// Mints access tokens, `typ: at+jwt` (RFC 9068), and subscription tokens, signed by the ring's active key.
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
#include "token/subscription_token.hpp"

namespace gatecast::token {

class Issuer {
 public:
  explicit Issuer(const KeyRing& ring) : ring_(&ring) {}
  /// Another ring signs from here on; verifiers must know it already.
  void use(const KeyRing& ring) { ring_.store(&ring, std::memory_order_release); }
  Result<std::string> mint(const Claims& claims) const;
  /// `ends`: of the token, seconds since 1970; `expires` of `said` is its `expire_at`.
  Result<std::string> mint_subscription(const SubscriptionToken& said, const VerifierPolicy& policy,
                                        std::int64_t ends) const;

 private:
  std::atomic<const KeyRing*> ring_;
};

}  // namespace gatecast::token
