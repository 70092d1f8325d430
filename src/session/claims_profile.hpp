// Which members an access token carries beside the ones every token has: a profile of the configuration.
//
// Place: chosen at start-up (`token.claims`), applied when a token is minted. A value; any thread once made.
// Values are those of the sign-in or renewal: a verifier that needs what is true now asks the server.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/rows.hpp"

namespace gatecast::session {

/// Whom a token is minted for: the user, and the identity that the session was made with.
struct ClaimContext {
  const store::UserRow& user;
  std::string_view kind;     // "solana", "ethereum", "telegram"; empty without an identity
  std::string_view subject;  // of the identity
  std::string_view profile;  // one JSON object's text, or empty
};

/// What a claim can say of a user. Those of an identity are left out where the session has another kind.
enum class ClaimSource : std::uint8_t {
  user_id,
  wallet,
  nickname,
  nickname_if_set,
  is_creator,
  is_verified,
  ref_code,
  telegram_id,
  telegram_username,
  telegram_first_name,
  free_claims,  // every member of the user's own claims, under its own name
};

class ClaimsMap;

class ClaimsProfile {
 public:
  /// {userId, wallet, nickname where there is one, isCreator, isVerified} and the user's free claims
  static ClaimsProfile standard();
  /// Fonana's: the same members, `nickname` always there.
  static ClaimsProfile fonana();
  /// UniFarm's: userId, telegram_id (a number), username, first_name, ref_code.
  static ClaimsProfile unifarm();
  /// `default`, `fonana` or `unifarm`.
  static std::optional<ClaimsProfile> from_name(std::string_view name);

  /// Those of the configuration's own list.
  static ClaimsProfile of_map(ClaimsMap map);

  /// One JSON object's text.
  std::string extra_json(const ClaimContext& context) const;

 private:
  using Member = std::pair<std::string_view, ClaimSource>;
  explicit ClaimsProfile(std::vector<Member> members) : members_(std::move(members)) {}
  std::vector<Member> members_;
  std::shared_ptr<const ClaimsMap> map_{};  // in place of the members
};

}  // namespace gatecast::session
