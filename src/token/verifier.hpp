// Judges our own access tokens (RFC 8725, RFC 9068).
//
// Place: session asks it for every connection and call. Threads: any, no locks, also beside `use`. Lifetime: a ring
// outlives the calls begun with it.
// Order, and with it the code of the first fault: form (token_malformed), key (token_key_unknown), algorithm
// (token_algorithm), signature (token_signature), type (token_type), claims (token_claims), issuer (token_issuer),
// audience (token_audience), times (token_expired without leeway, token_not_yet_valid). Details never hold the token.
#pragma once

#include <atomic>
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

struct SubscriptionToken;

class Verifier {
 public:
  Verifier(const KeyRing& ring, VerifierPolicy policy) : ring_(&ring), policy_(std::move(policy)) {}
  Result<Claims> verify(std::string_view token, WallTime now) const;
  /// A token for one channel under our own keys; token/subscription_token.hpp.
  Result<SubscriptionToken> verify_subscription(std::string_view token, WallTime now) const;
  /// Another ring counts from here on.
  void use(const KeyRing& ring) { ring_.store(&ring, std::memory_order_release); }
  const VerifierPolicy& policy() const { return policy_; }

 private:
  const KeyRing& ring() const { return *ring_.load(std::memory_order_acquire); }

  std::atomic<const KeyRing*> ring_;
  VerifierPolicy policy_;
};

}  // namespace gatecast::token
