#include "session/claims_profile.hpp"

#include "token/json_object.hpp"

namespace gatecast::session {

ClaimsProfile ClaimsProfile::standard() {
  return ClaimsProfile({{"userId", ClaimSource::user_id},
                        {"wallet", ClaimSource::wallet},
                        {"nickname", ClaimSource::nickname_if_set},
                        {"isCreator", ClaimSource::is_creator},
                        {"isVerified", ClaimSource::is_verified}});
}

ClaimsProfile ClaimsProfile::fonana() {
  return ClaimsProfile({{"userId", ClaimSource::user_id},
                        {"wallet", ClaimSource::wallet},
                        {"nickname", ClaimSource::nickname},
                        {"isCreator", ClaimSource::is_creator},
                        {"isVerified", ClaimSource::is_verified}});
}

std::optional<ClaimsProfile> ClaimsProfile::from_name(std::string_view name) {
  if (name == "default") return standard();
  if (name == "fonana") return fonana();
  return std::nullopt;
}

std::string ClaimsProfile::extra_json(const store::UserRow& user, std::string_view wallet) const {
  std::string out = "{";
  const auto begin = [&out](std::string_view name) {
    if (out.size() > 1) out += ',';
    token::append_json_string(out, name);
    out += ':';
  };
  for (const auto& [name, source] : members_) {
    if (source == ClaimSource::nickname_if_set && user.nickname.empty()) continue;
    begin(name);
    switch (source) {
      case ClaimSource::user_id: token::append_json_string(out, user.id); break;
      case ClaimSource::wallet: token::append_json_string(out, wallet); break;
      case ClaimSource::nickname:
      case ClaimSource::nickname_if_set: token::append_json_string(out, user.nickname); break;
      case ClaimSource::is_creator: out += user.is_creator ? "true" : "false"; break;
      case ClaimSource::is_verified: out += user.is_verified ? "true" : "false"; break;
    }
  }
  return out += '}';
}

}  // namespace gatecast::session
