// Judges the tokens of other issuers that the configuration trusts (RFC 7519, RFC 8725).
//
// Place: session asks it for tokens that are not under our own issuer. Threads: `verify` any; `verify_async` on any
// loop; `make`, `start`, `stop` on one. Lifetime: `stop` is awaited before destruction; clock and outbound outlive it.
// The issuer is chosen by `iss`, the algorithm by the key. exp and nbf have 60 s of leeway; a future iat refuses
// nothing. The subject is `sub`, `userId` or `user_id`; where several are there they must agree.
// Bounds: 32 issuers; a token of 8192 bytes, tried with 8 keys; a subject of 64 bytes.
// Errors: those of Verifier; `temporarily_unavailable` where keys must be fetched first, which `verify_async` does.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/task.hpp"
#include "outbound/outbound.hpp"
#include "token/claims.hpp"
#include "token/jwk.hpp"
#include "token/key_set.hpp"
#include "token/subscription_token.hpp"

namespace gatecast::token {

inline constexpr std::size_t kMaxTrustedIssuers = 32;
inline constexpr std::size_t kMaxSubjectBytes = 64;
inline constexpr std::chrono::seconds kForeignLeeway{60};
/// What the ids of foreign sessions begin with; none of ours does, for ours are base64url.
inline constexpr std::string_view kForeignSidPrefix = "x:";

enum class SubjectRule : std::uint8_t { prefix, same };

struct TrustedIssuer {
  std::string name;                     // [a-z0-9_-], at most 32
  std::string issuer;                   // `iss`, letter for letter
  std::string audience{};               // empty: any
  std::vector<Algorithm> algorithms{};  // empty: whatever the keys are for
  SubjectRule subject = SubjectRule::prefix;
  std::vector<std::pair<std::string, std::string>> required{};  // claims and the values they must have
  std::vector<ForeignKey> keys{};                               // or
  std::string jwks_url{};
};

/// What a good token of a trusted issuer says, in our terms: `sub` is the user here ("name:subject" or the same), `sid`
/// the session's stand-in ("x:name:…"), `gen` 0; `extra_json` has what else the issuer said.
struct ForeignClaims {
  std::string issuer_name;
  Claims claims;
};

class TrustedVerifier {
 public:
  /// Key sets that `former` has of the same addresses are shared with it, so that nobody waits for keys that were
  /// there. Errors: config_invalid for two of one name or issuer, our own issuer, or an issuer without keys.
  static Result<std::unique_ptr<TrustedVerifier>> make(std::vector<TrustedIssuer> issuers, std::string_view own_issuer,
                                                       outbound::Outbound* outbound, const Clock& clock,
                                                       const TrustedVerifier* former = nullptr);
  ~TrustedVerifier();

  /// Whether the token claims, not yet proven, to come from one of the issuers.
  bool claims_to_be(std::string_view token) const;
  Result<ForeignClaims> verify(std::string_view token, WallTime now) const;
  /// The same, and waits for keys where they are missing.
  Task<Result<ForeignClaims>> verify_async(std::string token);

  /// A subscription token for a bearer whose session is `sid`, from the issuer of that session.
  Result<SubscriptionToken> verify_subscription(std::string_view token, std::string_view sid, WallTime now) const;

  /// Fetches the key sets now and then on this loop.
  void start(Loop& loop);
  /// No fetch begins any more, but for key sets that `successor` shares.
  Task<void> stop(const TrustedVerifier* successor = nullptr);

 private:
  struct Entry;
  TrustedVerifier(std::vector<Entry> entries, const Clock& clock);
  const Entry* find(std::string_view issuer) const;
  const Entry* find_by_sid(std::string_view sid) const;
  Result<void> check_key_of(const Entry& entry, const Jws& jws, bool may_wait, KeySet** wait_for) const;
  Result<ForeignClaims> judge(std::string_view token, WallTime now, bool may_wait, KeySet** wait_for) const;
  std::shared_ptr<KeySet> shared_set(const TrustedIssuer& issuer) const;
  void watch_age();

  std::vector<Entry> entries_;
  const Clock& clock_;
  Loop* loop_ = nullptr;
  Loop::TimerId timer_ = 0;
};

}  // namespace gatecast::token
