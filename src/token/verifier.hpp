// Judges our own access tokens (RFC 8725, RFC 9068).
//
// Place: session asks it for every connection and call. Threads: any, no locks. Lifetime: the ring outlives it.
// Order, and with it the code of the first fault: form (token_malformed), key (token_key_unknown), algorithm
// (token_algorithm), signature (token_signature), type (token_type), claims (token_claims), issuer (token_issuer),
// audience (token_audience), times (token_expired without leeway, token_not_yet_valid). Details never hold the token.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "token/claims.hpp"
#include "token/key_ring.hpp"

namespace gatecast::token {

struct VerifierPolicy {
  std::string issuer;
  std::string audience;
};

class Verifier {
 public:
  Verifier(const KeyRing& ring, VerifierPolicy policy) : ring_(ring), policy_(std::move(policy)) {}
  Result<Claims> verify(std::string_view token, WallTime now) const;
  const VerifierPolicy& policy() const { return policy_; }

 private:
  const KeyRing& ring_;
  VerifierPolicy policy_;
};

}  // namespace gatecast::token
