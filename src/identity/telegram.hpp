// Sign-in with Telegram: the data of a Mini App or a Login Widget, the bots and the time in; who it is, or why not,
// out.
//
// Place: called by session, which then consumes `replay_key`. Pure: no store, no network, no clock; any thread. A bot
// whose token is known vouches by HMAC over all fields but `hash`; one without a token by Telegram's own Ed25519
// signature over all but `hash` and `signature`, so that a server need not hold the token. The data does not say which
// bot it belongs to: each is tried, unless the client names one. Order of checks: form, bot, signature, age, user.
// Errors: bot_unknown, and initdata_… or widget_… malformed, signature, expired, from_future; initdata_no_user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "crypto/hash.hpp"
#include "identity/init_data.hpp"

namespace gatecast::identity {

enum class TelegramEnvironment : std::uint8_t { production, test };

/// A bot as configured. Keeps the two keys made of its token, not the token. An immutable value.
class TelegramBot {
 public:
  /// An empty token: initData by Ed25519 alone, no Login Widget. config_invalid: the id is not positive, or the token
  /// is another bot's, since it begins with another id.
  static Result<TelegramBot> make(std::int64_t id, const Secret& token,
                                  TelegramEnvironment environment = TelegramEnvironment::production);

  std::int64_t id() const { return id_; }
  TelegramEnvironment environment() const { return environment_; }
  bool has_token() const { return keys_.has_value(); }
  /// Whether `mac` is the one of `check_string`; false without a token.
  bool signed_web_app(std::string_view check_string, std::string_view mac) const;
  bool signed_widget(std::string_view check_string, std::string_view mac) const;

 private:
  struct Keys {
    crypto::HmacKey web_app;
    crypto::HmacKey widget;
  };

  TelegramBot(std::int64_t id, TelegramEnvironment environment) : id_(id), environment_(environment) {}

  std::int64_t id_;
  TelegramEnvironment environment_;
  std::optional<Keys> keys_;
};

/// Telegram's public keys, 32 bytes each.
struct TelegramKeys {
  std::string production;
  std::string test;
};
TelegramKeys telegram_keys();

/// Another clock's lead that is still believed.
inline constexpr std::chrono::seconds kAuthDateLead{60};

struct TelegramPolicy {
  std::vector<TelegramBot> bots;
  std::chrono::seconds max_age = std::chrono::minutes{15};
  TelegramKeys keys = telegram_keys();
};

struct TelegramClaim {
  std::int64_t bot_id = 0;
  std::int64_t telegram_id = 0;
  std::string username{}, first_name{}, last_name{}, language{}, photo_url{};
  bool is_premium = false;
  std::string start_param{};
  WallTime auth_date{};
  /// SHA-256 of bot and signed data: the same for every spelling of the same data, whichever way it was verified.
  std::string replay_key{};
};

/// `init_data` is Telegram.WebApp.initData as it is; `bot_id` the bot that the client says it is for.
Result<TelegramClaim> verify_init_data(std::string_view init_data, const TelegramPolicy& policy, WallTime now,
                                       std::optional<std::int64_t> bot_id = std::nullopt);

/// `query` is what the widget adds to its redirect. Only bots whose token is known can vouch.
Result<TelegramClaim> verify_login_widget(std::string_view query, const TelegramPolicy& policy, WallTime now,
                                          std::optional<std::int64_t> bot_id = std::nullopt);
/// The same from the object that the widget gives to a callback.
Result<TelegramClaim> verify_login_widget(std::vector<TelegramField> fields, const TelegramPolicy& policy, WallTime now,
                                          std::optional<std::int64_t> bot_id = std::nullopt);

/// The key of a Mini App's HMAC: HMAC-SHA-256 of the token under "WebAppData".
Secret web_app_secret(const Secret& token);
/// The key of a Login Widget's HMAC: SHA-256 of the token.
Secret widget_secret(const Secret& token);

}  // namespace gatecast::identity
