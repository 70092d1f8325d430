// For tests: Telegram as one that signs, for bots and under keys of our own.
#pragma once

#include <fmt/format.h>

#include "core/text_form.hpp"
#include "core/time_text.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "identity/telegram.hpp"

namespace gatecast::identity {

using TelegramFields = std::vector<TelegramField>;

class TestTelegram {
 public:
  static WallTime now() { return *parse_rfc3339("2025-06-01T12:00:00Z"); }
  static Secret token(std::int64_t bot) { return Secret(fmt::format("{}:token of a test", bot)); }
  static crypto::Ed25519Key key(char seed) { return *crypto::Ed25519Key::from_seed(Secret(std::string(32, seed))); }

  /// Bots 1 and 2 by token; 3 in production and 4 in the test environment by Telegram's signature.
  static TelegramPolicy policy() {
    return {.bots = {*TelegramBot::make(1, token(1)), *TelegramBot::make(2, token(2)), *TelegramBot::make(3, Secret()),
                     *TelegramBot::make(4, Secret(), TelegramEnvironment::test)},
            .max_age = std::chrono::minutes{15},
            .keys = {key('p').public_key(), key('t').public_key()}};
  }

  static TelegramFields fields() {
    return {{"query_id", "AAHdF6IQAAAAAN0XohDhrOrc"},
            {"user", R"({"id":279058397,"first_name":"Vlad + \/ \u00e9","last_name":"K","username":"vdk",)"
                     R"("language_code":"ru","is_premium":true,"photo_url":"https:\/\/t.me\/i\/x.svg"})"},
            {"start_param", "ref-7"},
            {"auth_date", std::to_string(unix_seconds(now()))}};
  }

  static TelegramFields widget_fields() {
    return {{"id", "279058397"},
            {"first_name", "Vlad & +"},
            {"last_name", "K"},
            {"username", "vdk"},
            {"photo_url", "https://t.me/i/x.jpg"},
            {"auth_date", std::to_string(unix_seconds(now()))}};
  }

  /// The query string as a browser writes it.
  static std::string query(const TelegramFields& fields) {
    std::string out;
    for (const auto& [name, value] : fields) {
      if (!out.empty()) out += '&';
      out.append(escaped(name)).append("=").append(escaped(value));
    }
    return out;
  }

  static std::string check_string(TelegramFields fields) {
    return InitData::from_fields(std::move(fields)).value().check_string({"hash"});
  }

  /// `fields` as bot `bot` gets them: with `hash`, and before that, where asked, with `signature`.
  static TelegramFields sign(TelegramFields fields, std::int64_t bot, char key_seed = 0) {
    if (key_seed != 0) {
      const std::string text = fmt::format("{}:WebAppData\n{}", bot, check_string(fields));
      fields.push_back({"signature", base64url_encode(key(key_seed).sign(text))});
    }
    return with_hash(std::move(fields), web_app_secret(token(bot)));
  }
  static TelegramFields sign_widget(TelegramFields fields, std::int64_t bot) {
    return with_hash(std::move(fields), widget_secret(token(bot)));
  }

 private:
  static TelegramFields with_hash(TelegramFields fields, const Secret& secret) {
    fields.push_back(
        {"hash", hex_encode(crypto::hmac(crypto::HashKind::sha256, secret.expose(), check_string(fields)))});
    return fields;
  }

  static std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
      if (plain) {
        out += c;
      } else {
        out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
      }
    }
    return out;
  }
};

}  // namespace gatecast::identity
