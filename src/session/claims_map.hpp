// Claims that the configuration lists itself: `token.claims = {name = "user.nickname"}`.
//
// Sources: user.id, user.nickname, user.avatar, user.isCreator, user.isVerified, user.ref_code, user.claims.<member>,
// identity.subject, identity.kind, identity.profile.<member>. Texts are always there; a member that the user's claims
// or the identity's profile lack is left out. Place: behind ClaimsProfile. A value; any thread once made. Bounds: 32
// claims. Errors: config_invalid, with what is wrong in its detail.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "session/claims_profile.hpp"

namespace gatecast::session {

class ClaimsMap {
 public:
  static constexpr std::size_t kMax = 32;
  static constexpr std::size_t kNameBytesMax = 64;

  /// Pairs of claim and source.
  static Result<ClaimsMap> make(const std::vector<std::pair<std::string, std::string>>& members);

  /// One JSON object's text.
  std::string extra_json(const ClaimContext& context) const;

 private:
  enum class Source : std::uint8_t {
    user_id,
    nickname,
    avatar,
    is_creator,
    is_verified,
    ref_code,
    user_claim,
    subject,
    kind,
    profile_member,
  };
  struct Member {
    std::string claim;
    Source source{};
    std::string name{};  // of the member, where the source has some
  };
  struct Known;
  static const Known kKnown[];
  static Result<Member> member_of(const std::string& claim, const std::string& source);

  explicit ClaimsMap(std::vector<Member> members) : members_(std::move(members)) {}
  std::vector<Member> members_;
};

}  // namespace gatecast::session
