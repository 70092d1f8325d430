#include "identity/telegram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/text_form.hpp"
#include "crypto/ed25519.hpp"
#include "identity/telegram_user.hpp"

namespace gatecast::identity {
namespace {

constexpr std::string_view kProductionKey = "e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d";
constexpr std::string_view kTestKey = "40055058a4ee38156a06562e52eece92a771bcd8346a8c4615cb7376eddf72ec";

// The codes of one kind of data.
struct Codes {
  Errc malformed, signature, expired, from_future;
};
constexpr Codes kInitData{Errc::initdata_malformed, Errc::initdata_signature, Errc::initdata_expired,
                          Errc::initdata_from_future};
constexpr Codes kWidget{Errc::widget_malformed, Errc::widget_signature, Errc::widget_expired, Errc::widget_from_future};

// Of the bots that the client may mean, the first of which `vouches` holds.
template <class F>
Result<const TelegramBot*> find_bot(const TelegramPolicy& policy, std::optional<std::int64_t> bot_id, Errc refusal,
                                    F vouches) {
  bool known = false;
  for (const TelegramBot& bot : policy.bots) {
    if (bot_id && bot.id() != *bot_id) continue;
    known = true;
    if (vouches(bot)) return &bot;
  }
  if (!known) return fail(Errc::bot_unknown, bot_id ? fmt::format("bot {}", *bot_id) : "no bot is configured");
  return fail(refusal, "no bot's signature");
}

Result<WallTime> check_age(const InitData& data, const TelegramPolicy& policy, const Codes& codes, WallTime now) {
  const std::optional<WallTime> date = data.auth_date();
  if (!date) return fail(codes.malformed, "no auth_date");
  if (*date + policy.max_age < now) return fail(codes.expired, fmt::format("auth_date {}", unix_seconds(*date)));
  if (*date > now + kAuthDateLead) return fail(codes.from_future, fmt::format("auth_date {}", unix_seconds(*date)));
  return *date;
}

// What Ed25519 signs.
std::string third_party_text(const TelegramBot& bot, const InitData& data) {
  return fmt::format("{}:WebAppData\n{}", bot.id(), data.check_string({"hash", "signature"}));
}

bool vouches_for_init_data(const TelegramBot& bot, const TelegramPolicy& policy, const InitData& data,
                           std::string_view hash, const std::optional<std::string>& signature) {
  if (bot.has_token()) return bot.signed_web_app(data.check_string({"hash"}), hash);
  const bool production = bot.environment() == TelegramEnvironment::production;
  return signature && crypto::ed25519_verify(production ? policy.keys.production : policy.keys.test,
                                             third_party_text(bot, data), *signature);
}

std::string text_of(const InitData& data, std::string_view name) {
  const std::string* value = data.find(name);
  return value == nullptr ? std::string() : *value;
}

Result<TelegramClaim> verify_widget(const Result<InitData>& data, const TelegramPolicy& policy, WallTime now,
                                    std::optional<std::int64_t> bot_id) {
  if (!data) return fail(kWidget.malformed, data.error().detail);
  const std::optional<std::string> hash = data->hash();
  if (!hash) return fail(kWidget.malformed, "no hash of 64 lower-case hex digits");
  const std::string text = data->check_string({"hash"});
  const Result<const TelegramBot*> bot =
      find_bot(policy, bot_id, kWidget.signature, [&](const auto& each) { return each.signed_widget(text, *hash); });
  if (!bot) return bot.error();
  const Result<WallTime> date = check_age(*data, policy, kWidget, now);
  if (!date) return date.error();
  const std::optional<std::int64_t> id = telegram_id(text_of(*data, "id"));
  if (!id) return fail(kWidget.malformed, "id is no user's");
  return TelegramClaim{.bot_id = (*bot)->id(),
                       .telegram_id = *id,
                       .username = text_of(*data, "username"),
                       .first_name = text_of(*data, "first_name"),
                       .last_name = text_of(*data, "last_name"),
                       .photo_url = text_of(*data, "photo_url"),
                       .auth_date = *date,
                       .replay_key = crypto::sha256(fmt::format("{}:LoginWidget\n{}", (*bot)->id(), text))};
}

}  // namespace

Secret web_app_secret(const Secret& token) {
  return Secret(crypto::hmac(crypto::HashKind::sha256, "WebAppData", token.expose()));
}

Secret widget_secret(const Secret& token) { return Secret(crypto::sha256(token.expose())); }

TelegramKeys telegram_keys() { return {*hex_decode(kProductionKey), *hex_decode(kTestKey)}; }

Result<TelegramBot> TelegramBot::make(std::int64_t id, const Secret& token, TelegramEnvironment environment) {
  if (id <= 0) return fail(Errc::config_invalid, fmt::format("bot id {}", id));
  TelegramBot bot(id, environment);
  if (token.empty()) return bot;
  if (!token.expose().starts_with(fmt::format("{}:", id))) {
    return fail(Errc::config_invalid, fmt::format("the token is not one of bot {}", id));
  }
  bot.keys_.emplace(crypto::HmacKey(crypto::HashKind::sha256, web_app_secret(token)),
                    crypto::HmacKey(crypto::HashKind::sha256, widget_secret(token)));
  return bot;
}

bool TelegramBot::signed_web_app(std::string_view check_string, std::string_view mac) const {
  return keys_ && keys_->web_app.verify(check_string, mac);
}

bool TelegramBot::signed_widget(std::string_view check_string, std::string_view mac) const {
  return keys_ && keys_->widget.verify(check_string, mac);
}

Result<TelegramClaim> verify_init_data(std::string_view init_data, const TelegramPolicy& policy, WallTime now,
                                       std::optional<std::int64_t> bot_id) {
  const Result<InitData> data = InitData::parse(init_data);
  if (!data) return data.error();
  const std::optional<std::string> hash = data->hash();
  if (!hash) return fail(kInitData.malformed, "no hash of 64 lower-case hex digits");
  const std::optional<std::string> signature = data->signature();
  // An empty one, as tools that sign for tests write it, is none: a bot with a token does not need it.
  if (!text_of(*data, "signature").empty() && !signature) {
    return fail(kInitData.malformed, "signature has another form");
  }

  const Result<const TelegramBot*> bot = find_bot(policy, bot_id, kInitData.signature, [&](const auto& each) {
    return vouches_for_init_data(each, policy, *data, *hash, signature);
  });
  if (!bot) return bot.error();
  const Result<WallTime> date = check_age(*data, policy, kInitData, now);
  if (!date) return date.error();
  const std::string* user_json = data->find("user");
  if (user_json == nullptr) return Errc::initdata_no_user;
  std::optional<TelegramUser> user = parse_telegram_user(*user_json);
  if (!user) return fail(kInitData.malformed, "user has another form");

  return TelegramClaim{.bot_id = (*bot)->id(),
                       .telegram_id = user->id,
                       .username = std::move(user->username),
                       .first_name = std::move(user->first_name),
                       .last_name = std::move(user->last_name),
                       .language = std::move(user->language),
                       .photo_url = std::move(user->photo_url),
                       .is_premium = user->is_premium,
                       .start_param = text_of(*data, "start_param"),
                       .auth_date = *date,
                       .replay_key = crypto::sha256(third_party_text(**bot, *data))};
}

Result<TelegramClaim> verify_login_widget(std::string_view query, const TelegramPolicy& policy, WallTime now,
                                          std::optional<std::int64_t> bot_id) {
  return verify_widget(InitData::parse(query), policy, now, bot_id);
}

Result<TelegramClaim> verify_login_widget(std::vector<TelegramField> fields, const TelegramPolicy& policy, WallTime now,
                                          std::optional<std::int64_t> bot_id) {
  return verify_widget(InitData::from_fields(std::move(fields)), policy, now, bot_id);
}

}  // namespace gatecast::identity
