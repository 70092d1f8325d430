// Which members an access token carries beside the ones every token has: a profile of the configuration.
//
// Place: chosen at start-up (`token.claims`), applied when a token is minted. A value; any thread once made.
// Values are those of the sign-in or renewal: a verifier that needs what is true now asks the server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/rows.hpp"

namespace gatecast::session {

/// What a claim can say of a user.
enum class ClaimSource : std::uint8_t { user_id, wallet, nickname, nickname_if_set, is_creator, is_verified };

class ClaimsProfile {
 public:
  /// {userId, wallet, nickname where there is one, isCreator, isVerified}
  static ClaimsProfile standard();
  /// Fonana's: the same members, `nickname` always there.
  static ClaimsProfile fonana();
  /// `default` or `fonana`.
  static std::optional<ClaimsProfile> from_name(std::string_view name);

  /// One JSON object's text. `wallet` is the address the session was made with.
  std::string extra_json(const store::UserRow& user, std::string_view wallet) const;

 private:
  using Member = std::pair<std::string_view, ClaimSource>;
  explicit ClaimsProfile(std::vector<Member> members) : members_(std::move(members)) {}
  std::vector<Member> members_;
};

}  // namespace gatecast::session
