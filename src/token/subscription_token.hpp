// Judges subscription tokens: who holds one may subscribe to the channel that it names.
//
// Place: the server asks it when a subscribe command brings a token. Made by a back end that holds one of the ring's
// keys, or by the server API; never an access token (typ at+jwt is refused, and so is one without `channel`).
// Threads: any, no locks. Errors: token_malformed, token_key_unknown, token_algorithm, token_signature, token_type,
// token_claims, token_issuer, token_audience; token_expired and token_not_yet_valid, without leeway.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "token/connection_claims.hpp"
#include "token/jws.hpp"
#include "token/key_ring.hpp"
#include "token/verifier.hpp"

namespace gatecast::token {

struct SubscriptionToken {
  std::string channel;
  std::string user;                       // `sub`; empty: a client that is not signed in
  std::optional<std::string> client{};    // the connection it is for, where it is bound to one
  std::optional<std::int64_t> expires{};  // end of the subscription, seconds since 1970: `expire_at`, else `exp`
  SubscriptionClaims claims{};
};

/// `iss` and `aud` are compared with the policy where the token has them.
Result<SubscriptionToken> verify_subscription_token(std::string_view token, const KeyRing& ring,
                                                    const VerifierPolicy& policy, WallTime now);
/// What one says whose signature is good. An empty audience of the policy is any.
Result<SubscriptionToken> read_subscription_token(const Jws& jws, const JsonObject& object,
                                                  const VerifierPolicy& policy, WallTime now);

}  // namespace gatecast::token
