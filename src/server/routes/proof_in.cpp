#include "server/routes/proof_in.hpp"

#include "core/text_form.hpp"
#include "token/json_object.hpp"

namespace gatecast::server {
namespace {

/// The fields of a Login Widget, whose callback gives numbers as numbers.
Result<std::vector<identity::TelegramField>> widget_fields(std::string_view json) {
  const auto object = token::JsonObject::parse(json);
  if (!object) return fail(Errc::widget_malformed, "not an object");
  std::vector<identity::TelegramField> fields;
  for (const token::JsonMember& member : object->members()) {
    if (member.kind == token::JsonKind::integer) {
      fields.push_back({member.name, std::string(member.raw)});
    } else if (auto text = token::json_string(member)) {
      fields.push_back({member.name, std::move(*text)});
    } else {
      return fail(Errc::widget_malformed, "a field is neither text nor number");
    }
  }
  if (fields.empty()) return fail(Errc::widget_malformed, "no field");
  return fields;
}

Result<identity::TelegramUser> unverified_user(const JsonIn& body, std::int64_t id) {
  identity::TelegramUser user{.id = id};
  const std::pair<const char*, std::string*> texts[] = {{"username", &user.username},
                                                        {"first_name", &user.first_name},
                                                        {"last_name", &user.last_name},
                                                        {"photo_url", &user.photo_url},
                                                        {"language_code", &user.language}};
  for (const auto& [name, into] : texts) {
    auto value = body.optional_text(name);
    if (!value) return value.error();
    *into = std::move(*value);
  }
  auto premium = body.optional_bool("is_premium");
  if (!premium) return premium.error();
  user.is_premium = premium->value_or(false);
  return user;
}

}  // namespace

Result<session::Proof> wallet_proof(const JsonIn& body) {
  session::WalletSignIn proof;
  auto chain = body.text("chain");
  if (!chain) return chain.error();
  auto address = body.text("address");
  if (!address) return address.error();
  auto message = body.optional_text("message");
  auto signed_message = body.optional_text("signedMessage");
  auto signature = body.optional_text("signature");
  for (const auto* text : {&message, &signed_message, &signature}) {
    if (!*text) return text->error();
  }
  if (signature->empty() || (message->empty() && signed_message->empty())) return Errc::challenge_required;
  if (!message->empty() && !signed_message->empty()) {
    return fail(Errc::field_invalid, "message and signedMessage: send one of them");
  }
  if (!signed_message->empty()) {
    auto bytes = base64_decode(*signed_message);
    if (!bytes) return fail(Errc::field_invalid, "signedMessage: not base64");
    proof.signed_message = std::move(*bytes);
  }
  proof.chain = std::move(*chain);
  proof.address = std::move(*address);
  proof.message = std::move(*message);
  proof.signature = std::move(*signature);
  return session::Proof(std::move(proof));
}

Result<session::Proof> telegram_proof(const JsonIn& body) {
  session::TelegramProof proof;
  auto init_data = body.optional_text("initData");
  if (!init_data) return init_data.error();
  auto bot_id = body.optional_integer("bot_id");
  if (!bot_id) return bot_id.error();
  const std::string_view widget = body.raw("widget");
  const bool has_widget = !widget.empty() && widget != "null";
  if (!init_data->empty() && has_widget) return fail(Errc::field_invalid, "initData and widget: send one of them");
  if (init_data->empty() && !has_widget) return Errc::initdata_missing;
  if (has_widget) {
    auto fields = widget_fields(widget);
    if (!fields) return fields.error();
    proof.widget = std::move(*fields);
  }
  proof.init_data = std::move(*init_data);
  proof.bot_id = *bot_id;
  return session::Proof(std::move(proof));
}

Result<session::Proof> telegram_registration(const JsonIn& body) {
  auto proof = telegram_proof(body);
  if (proof || proof.error().code != Errc::initdata_missing || !body.has("telegram_id")) return proof;
  auto number = body.optional_integer("telegram_id");
  if (!number) return number.error();
  const auto id = identity::telegram_id(std::to_string(number->value_or(0)));
  if (!id) return fail(Errc::field_invalid, "telegram_id: no user's");
  auto user = unverified_user(body, *id);
  if (!user) return user.error();
  return session::Proof(session::TelegramProof{.unverified = std::move(*user)});
}

Result<std::optional<session::Proof>> confirming_proof(const JsonIn& body) {
  auto inner = body.optional_object("proof");
  if (!inner) return inner.error();
  if (!body.has("proof") || body.raw("proof") == "null") return std::optional<session::Proof>{};
  auto proof = inner->has("chain") ? wallet_proof(*inner) : telegram_proof(*inner);
  if (!proof) return proof.error();
  return std::optional<session::Proof>(std::move(*proof));
}

}  // namespace gatecast::server
