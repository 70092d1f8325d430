// The user of a Mini App's data: the JSON object `user`, of which only what a profile shows is read.
//
// Place: under telegram.hpp. Pure; any thread. Members that are not known are ignored, for Telegram adds some every
// year; a known one of another type refuses the whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatecast::identity {

struct TelegramUser {
  std::int64_t id = 0;
  std::string username{}, first_name{}, last_name{}, language{}, photo_url{};
  bool is_premium = false;
};

std::optional<TelegramUser> parse_telegram_user(std::string_view json);

/// A user's id in decimal: 1 to 2^52, which is what Telegram promises.
std::optional<std::int64_t> telegram_id(std::string_view text);

}  // namespace gatecast::identity
