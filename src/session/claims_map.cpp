#include "session/claims_map.hpp"

#include <algorithm>

#include "token/claims.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {

struct ClaimsMap::Known {
  std::string_view name;
  Source source;
  bool member;  // the name goes on with that of a member
};

const ClaimsMap::Known ClaimsMap::kKnown[] = {
    {"user.id", Source::user_id, false},
    {"user.nickname", Source::nickname, false},
    {"user.avatar", Source::avatar, false},
    {"user.isCreator", Source::is_creator, false},
    {"user.isVerified", Source::is_verified, false},
    {"user.ref_code", Source::ref_code, false},
    {"user.claims.", Source::user_claim, true},
    {"identity.subject", Source::subject, false},
    {"identity.kind", Source::kind, false},
    {"identity.profile.", Source::profile_member, true},
};

Result<ClaimsMap::Member> ClaimsMap::member_of(const std::string& claim, const std::string& source) {
  for (const Known& known : kKnown) {
    if (!known.member && source == known.name) return Member{claim, known.source};
    if (known.member && source.starts_with(known.name) && source.size() > known.name.size()) {
      return Member{claim, known.source, source.substr(known.name.size())};
    }
  }
  return fail(Errc::config_invalid, fmt::format("{}: there is no source {}", claim, source));
}

Result<ClaimsMap> ClaimsMap::make(const std::vector<std::pair<std::string, std::string>>& members) {
  if (members.size() > kMax) return fail(Errc::config_invalid, "more than 32 claims");
  std::vector<Member> made;
  for (const auto& [claim, source] : members) {
    if (claim.empty() || claim.size() > kNameBytesMax) {
      return fail(Errc::config_invalid, "a claim's name has 1 to 64 bytes");
    }
    if (token::is_registered_claim(claim)) {
      return fail(Errc::config_invalid, fmt::format("{}: every token has this claim, with its own meaning", claim));
    }
    if (std::ranges::any_of(made, [&name = claim](const Member& m) { return m.claim == name; })) {
      return fail(Errc::config_invalid, fmt::format("{}: there twice", claim));
    }
    Result<Member> member = member_of(claim, source);
    if (!member.has_value()) return member.error();
    made.push_back(std::move(*member));
  }
  return ClaimsMap(std::move(made));
}

std::string ClaimsMap::extra_json(const ClaimContext& context) const {
  const store::UserRow& user = context.user;
  const auto object = [](std::string_view text) { return token::JsonObject::parse(text.empty() ? "{}" : text); };
  const auto claims = object(user.claims);
  const auto profile = object(context.profile);
  std::string out = "{";
  const auto begin = [&out](std::string_view claim) {
    if (out.size() > 1) out += ',';
    token::append_json_string(out, claim);
    out += ':';
  };
  const auto text = [&](const Member& m, std::string_view value) {
    begin(m.claim);
    token::append_json_string(out, value);
  };
  const auto boolean = [&](const Member& m, bool value) {
    begin(m.claim);
    out += value ? "true" : "false";
  };
  const auto from = [&](const Member& m, const auto& members) {
    const token::JsonMember* found = members.has_value() ? members->find(m.name) : nullptr;
    if (found == nullptr) return;
    begin(m.claim);
    out += found->raw;
  };
  for (const Member& m : members_) {
    switch (m.source) {
      case Source::user_id: text(m, user.id); break;
      case Source::nickname: text(m, user.nickname); break;
      case Source::avatar: text(m, user.avatar); break;
      case Source::is_creator: boolean(m, user.is_creator); break;
      case Source::is_verified: boolean(m, user.is_verified); break;
      case Source::ref_code: text(m, user.ref_code); break;
      case Source::user_claim: from(m, claims); break;
      case Source::subject: text(m, context.subject); break;
      case Source::kind: text(m, context.kind); break;
      case Source::profile_member: from(m, profile); break;
    }
  }
  return out += '}';
}

}  // namespace gatecast::session
