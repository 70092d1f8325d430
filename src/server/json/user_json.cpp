#include "server/json/user_json.hpp"

#include "core/time_text.hpp"
#include "protocol/json_check.hpp"

namespace gatecast::server {
namespace {

Result<void> take_text(const JsonIn& in, std::string_view name, std::optional<std::string>& out) {
  const auto raw = in.raw(name);
  if (raw.empty() || raw == "null") return {};
  auto text = in.text(name);
  if (!text) return text.error();
  out = std::move(*text);
  return {};
}

Result<void> take_bool(const JsonIn& in, std::string_view name, std::optional<bool>& out) {
  auto value = in.optional_bool(name);
  if (!value) return value.error();
  out = *value;
  return {};
}

Result<void> take_identities(const JsonIn& in, std::vector<store::IdentityRow>& out) {
  if (!in.has("identities") || in.raw("identities") == "null") return {};
  auto items = in.items("identities", store::kIdentitiesMax);
  if (!items) return items.error();
  for (const auto item : *items) {
    auto identity = JsonIn::parse(item);
    if (!identity) return fail(Errc::field_invalid, "identities: not an object");
    if (auto known = identity->only({"kind", "subject"}); !known) return known;
    auto kind = identity->text("kind");
    if (!kind) return kind.error();
    auto subject = identity->text("subject");
    if (!subject) return subject.error();
    out.push_back({.kind = std::move(*kind), .subject = std::move(*subject)});
  }
  return {};
}

JsonOut fields(const store::UserRow& user) {
  JsonOut out;
  out.text("id", user.id).text("nickname", user.nickname).text("avatar", user.avatar);
  out.boolean("isCreator", user.is_creator).boolean("isVerified", user.is_verified).boolean("blocked", user.blocked);
  out.text("ref_code", user.ref_code);
  if (user.referrer) out.text("referrer", *user.referrer);
  out.raw("claims", user.claims.empty() ? "{}" : user.claims);
  return out;
}

}  // namespace

Result<UserIn> user_in(std::string_view json) {
  auto in = JsonIn::parse(json);
  if (!in) return fail(Errc::field_invalid, "user: not an object with distinct members");
  if (auto known = in->only({"id", "nickname", "avatar", "isCreator", "isVerified", "ref_code", "referrer", "claims",
                             "blocked", "identities"});
      !known) {
    return known.error();
  }
  UserIn out;
  auto id = in->text("id");
  if (!id) return id.error();
  auto& change = out.change;
  change.id = std::move(*id);
  for (const auto& [name, place] : {std::pair{"nickname", &change.nickname},
                                    {"avatar", &change.avatar},
                                    {"ref_code", &change.ref_code},
                                    {"referrer", &change.referrer}}) {
    if (auto taken = take_text(*in, name, *place); !taken) return taken.error();
  }
  for (const auto& [name, place] :
       {std::pair{"isCreator", &change.is_creator}, {"isVerified", &change.is_verified}, {"blocked", &out.blocked}}) {
    if (auto taken = take_bool(*in, name, *place); !taken) return taken.error();
  }
  if (const auto claims = in->raw("claims"); !claims.empty() && claims != "null") {
    // Kept on one line: exports are lines.
    std::string scratch;
    change.claims = std::string(protocol::compact_newlines(claims, scratch));
  }
  if (auto taken = take_identities(*in, change.identities); !taken) return taken.error();
  return out;
}

JsonOut user_out(const store::UserView& view) {
  std::string identities;
  for (const auto& row : view.identities) {
    if (!identities.empty()) identities += ',';
    identities += JsonOut().text("kind", row.kind).text("subject", row.subject).done();
  }
  return fields(view.user).raw("identities", "[" + identities + "]");
}

JsonOut user_view_out(const store::UserView& view) {
  std::string identities;
  for (const auto& row : view.identities) {
    JsonOut identity;
    identity.text("id", row.id).text("kind", row.kind).text("subject", row.subject);
    identity.raw("profile", row.profile.empty() ? "{}" : row.profile).text("createdAt", format_rfc3339(row.created_at));
    if (!identities.empty()) identities += ',';
    identities += identity.done();
  }
  return fields(view.user)
      .text("createdAt", format_rfc3339(view.user.created_at))
      .raw("identities", "[" + identities + "]");
}

}  // namespace gatecast::server
