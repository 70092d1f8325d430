// What is kept of a Telegram user: the profile of the identity, and what a new account is called.
//
// Pure; any thread. Bounds: names are cut to kProfileTextBytesMax, and a photo is taken only where it is https and not
// longer than kPhotoUrlBytesMax, since the application shows it as an image.
#pragma once

#include <string>
#include <string_view>

#include "identity/telegram_user.hpp"

namespace gatecast::session {

inline constexpr std::size_t kProfileTextBytesMax = 256;
inline constexpr std::size_t kPhotoUrlBytesMax = 1024;
/// Longer codes were never given out, so they are not looked up.
inline constexpr std::size_t kReferralBytesMax = 64;

/// {telegram_id, username, first_name, last_name, photo_url, language, is_premium}; texts only where there are any.
std::string telegram_profile(const identity::TelegramUser& user);
/// The username, else the first name.
std::string telegram_nickname(const identity::TelegramUser& user);
std::string telegram_avatar(const identity::TelegramUser& user);

/// The referral code of a signed start parameter: `ref_CODE`, or CODE as it is; 1 to 64 of [A-Za-z0-9_-]. Empty where
/// it is none.
std::string referral_of(std::string_view start_param);

}  // namespace gatecast::session
