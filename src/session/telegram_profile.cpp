#include "session/telegram_profile.hpp"

#include <algorithm>

#include "session/short_text.hpp"
#include "token/json_object.hpp"

namespace gatecast::session {
namespace {

constexpr std::string_view kReferral = "ref_";

bool is_code_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

std::string telegram_profile(const identity::TelegramUser& user) {
  std::string out = "{\"telegram_id\":" + std::to_string(user.id);
  const auto text = [&out](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out.append(",\"").append(name).append("\":");
    token::append_json_string(out, cut(value, kProfileTextBytesMax));
  };
  text("username", user.username);
  text("first_name", user.first_name);
  text("last_name", user.last_name);
  if (const std::string photo = telegram_avatar(user); !photo.empty()) {
    out += ",\"photo_url\":";
    token::append_json_string(out, photo);
  }
  text("language", user.language);
  out += user.is_premium ? ",\"is_premium\":true}" : ",\"is_premium\":false}";
  return out;
}

std::string telegram_nickname(const identity::TelegramUser& user) {
  return cut(user.username.empty() ? user.first_name : user.username, kProfileTextBytesMax);
}

std::string telegram_avatar(const identity::TelegramUser& user) {
  const bool good = user.photo_url.starts_with("https://") && user.photo_url.size() <= kPhotoUrlBytesMax;
  return good ? user.photo_url : std::string{};
}

std::string referral_of(std::string_view start_param) {
  if (start_param.starts_with(kReferral)) start_param.remove_prefix(kReferral.size());
  const bool good = start_param.size() <= kReferralBytesMax && std::ranges::all_of(start_param, is_code_character);
  return good ? std::string(start_param) : std::string{};
}

}  // namespace gatecast::session
