#include "session/registration_hook.hpp"

#include "session/accounts.hpp"
#include "session/hook_signature.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

constexpr std::chrono::seconds kHookTime{2};
constexpr std::size_t kHookReplyBytes = std::size_t{64} * 1024;

Error unusable(std::string_view why) {
  return fail(Errc::temporarily_unavailable, fmt::format("signin.hook_url: {}", why));
}

std::string question(const Newcomer& newcomer) {
  std::string out = R"({"kind":"registration","identity":{"kind":)";
  token::append_json_string(out, newcomer.kind);
  out += R"(,"subject":)";
  token::append_json_string(out, newcomer.subject);
  out += R"(,"profile":)";
  out += newcomer.profile.empty() ? "{}" : newcomer.profile;
  out += '}';
  if (!newcomer.ref_code.empty()) {
    out += R"(,"ref_code":)";
    token::append_json_string(out, newcomer.ref_code);
  }
  out += R"(,"ip":)";
  token::append_json_string(out, newcomer.ip);
  return out += '}';
}

/// False where the member is there and is no text of at most `bytes`.
bool read(const token::JsonObject& object, std::string_view name, std::size_t bytes, std::string& out) {
  const token::JsonMember* member = object.find(name);
  if (member == nullptr || member->raw == "null") return true;
  auto text = token::json_string(*member);
  if (!text.has_value() || text->size() > bytes) return false;
  out = std::move(*text);
  return true;
}

bool read(const token::JsonObject& object, std::string_view name, bool& out) {
  const token::JsonMember* member = object.find(name);
  if (member == nullptr || member->raw == "null") return true;
  out = member->raw == "true";
  return member->kind == token::JsonKind::boolean;
}

bool read_claims(const token::JsonObject& object, std::string& out) {
  const token::JsonMember* member = object.find("claims");
  if (member == nullptr || member->raw == "null") return true;
  out = member->raw;
  return check_claims(out).has_value();
}

}  // namespace

Result<store::UserRow> read_hook_answer(std::string_view body, store::UserRow user) {
  const auto answer = token::JsonObject::parse(body);
  if (!answer.has_value()) return unusable("not a JSON object");
  const token::JsonMember* allow = answer->find("allow");
  if (allow == nullptr || allow->raw != "true") return fail(Errc::registration_refused, "the hook's answer");
  const token::JsonMember* member = answer->find("user");
  if (member == nullptr || member->raw == "null") return user;
  const auto told = token::JsonObject::parse(member->raw);
  const bool good = told.has_value() && read(*told, "id", store::kUserIdBytesMax, user.id) && is_user_id(user.id) &&
                    read(*told, "nickname", kNicknameBytesMax, user.nickname) &&
                    read(*told, "avatar", kAvatarBytesMax, user.avatar) && read(*told, "isCreator", user.is_creator) &&
                    read(*told, "isVerified", user.is_verified) && read_claims(*told, user.claims);
  if (!good) return unusable("user: a member has another type, or is too long");
  return user;
}

Task<Result<store::UserRow>> ask_hook(const RegistrationHook& hook, outbound::Outbound& outbound, Newcomer newcomer,
                                      store::UserRow user, WallTime now) {
  outbound::Request request{.method = "POST",
                            .url = hook.url,
                            .headers = {{"content-type", "application/json"}},
                            .body = question(newcomer),
                            .time = kHookTime,
                            .reply_bytes = kHookReplyBytes};
  request.headers.emplace_back(kHookSignatureHeader, hook_signature(hook.secret, now, request.body));
  Result<outbound::Reply> reply = co_await outbound.send(std::move(request));
  if (!reply.has_value()) co_return unusable(info(reply.error().code).name);
  if (reply->status != 200) co_return unusable(fmt::format("status {}", reply->status));
  co_return read_hook_answer(reply->body, std::move(user));
}

}  // namespace gatecast::session
