#include "session/claims_profile.hpp"

#include "session/claims_map.hpp"
#include "session/kinds.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {

ClaimsProfile ClaimsProfile::standard() {
  return ClaimsProfile({{"userId", ClaimSource::user_id},
                        {"wallet", ClaimSource::wallet},
                        {"nickname", ClaimSource::nickname_if_set},
                        {"isCreator", ClaimSource::is_creator},
                        {"isVerified", ClaimSource::is_verified},
                        {"", ClaimSource::free_claims}});
}

ClaimsProfile ClaimsProfile::fonana() {
  return ClaimsProfile({{"userId", ClaimSource::user_id},
                        {"wallet", ClaimSource::wallet},
                        {"nickname", ClaimSource::nickname},
                        {"isCreator", ClaimSource::is_creator},
                        {"isVerified", ClaimSource::is_verified}});
}

ClaimsProfile ClaimsProfile::unifarm() {
  return ClaimsProfile({{"userId", ClaimSource::user_id},
                        {"telegram_id", ClaimSource::telegram_id},
                        {"username", ClaimSource::telegram_username},
                        {"first_name", ClaimSource::telegram_first_name},
                        {"ref_code", ClaimSource::ref_code}});
}

std::optional<ClaimsProfile> ClaimsProfile::from_name(std::string_view name) {
  if (name == "default") return standard();
  if (name == "fonana") return fonana();
  if (name == "unifarm") return unifarm();
  return std::nullopt;
}

ClaimsProfile ClaimsProfile::of_map(ClaimsMap map) {
  ClaimsProfile profile({});
  profile.map_ = std::make_shared<const ClaimsMap>(std::move(map));
  return profile;
}

std::string ClaimsProfile::extra_json(const ClaimContext& context) const {
  if (map_ != nullptr) return map_->extra_json(context);
  const store::UserRow& user = context.user;
  const bool telegram = context.kind == kKindTelegram;
  const auto profile = token::JsonObject::parse(telegram && !context.profile.empty() ? context.profile : "{}");
  std::string out = "{";
  const auto begin = [&out](std::string_view name) {
    if (out.size() > 1) out += ',';
    token::append_json_string(out, name);
    out += ':';
  };
  const auto text = [&](std::string_view name, std::string_view value) {
    begin(name);
    token::append_json_string(out, value);
  };
  const auto from_profile = [&](std::string_view name, std::string_view member) {
    const token::JsonMember* found = profile.has_value() ? profile->find(member) : nullptr;
    if (found == nullptr || found->kind != token::JsonKind::string) return;
    begin(name);
    out += found->raw;
  };
  for (const auto& [name, source] : members_) {
    switch (source) {
      case ClaimSource::user_id: text(name, user.id); break;
      case ClaimSource::wallet:
        if (is_wallet_kind(context.kind)) text(name, context.subject);
        break;
      case ClaimSource::nickname: text(name, user.nickname); break;
      case ClaimSource::nickname_if_set:
        if (!user.nickname.empty()) text(name, user.nickname);
        break;
      case ClaimSource::is_creator: begin(name), out += user.is_creator ? "true" : "false"; break;
      case ClaimSource::is_verified: begin(name), out += user.is_verified ? "true" : "false"; break;
      case ClaimSource::ref_code: text(name, user.ref_code); break;
      case ClaimSource::telegram_id:
        // Digits alone: a subject of this kind is a Telegram id in decimal.
        if (telegram) begin(name), out += context.subject;
        break;
      case ClaimSource::telegram_username: from_profile(name, "username"); break;
      case ClaimSource::telegram_first_name: from_profile(name, "first_name"); break;
      case ClaimSource::free_claims: {
        // None of them has the name of another member here: check_claims saw to that when they came.
        const auto claims = token::JsonObject::parse(user.claims);
        if (!claims.has_value()) break;
        for (const token::JsonMember& member : claims->members()) begin(member.name), out += member.raw;
        break;
      }
    }
  }
  return out += '}';
}

}  // namespace gatecast::session
