#include "identity/telegram_user.hpp"

#include <charconv>

#include "identity/plain_text.hpp"
#include "token/json_object.hpp"

namespace gatecast::identity {
namespace {

constexpr std::int64_t kMaxId = std::int64_t{1} << 52;

// Reads the member where it stands; false where it has another type, or control characters by way of escapes, which no
// name has and a store may refuse.
bool read(const token::JsonObject& object, std::string_view name, std::string& out) {
  const token::JsonMember* member = object.find(name);
  if (member == nullptr) return true;
  std::optional<std::string> text = token::json_string(*member);
  if (!text || !is_line_text(*text)) return false;
  out = *std::move(text);
  return true;
}

bool read(const token::JsonObject& object, std::string_view name, bool& out) {
  const token::JsonMember* member = object.find(name);
  if (member == nullptr) return true;
  out = member->raw == "true";
  return member->kind == token::JsonKind::boolean;
}

}  // namespace

std::optional<std::int64_t> telegram_id(std::string_view text) {
  std::int64_t id = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc{} || stop != end || id <= 0 || id > kMaxId || text.front() == '0') return std::nullopt;
  return id;
}

std::optional<TelegramUser> parse_telegram_user(std::string_view json) {
  const std::optional<token::JsonObject> object = token::JsonObject::parse(json);
  if (!object) return std::nullopt;
  const token::JsonMember* id = object->find("id");
  const std::optional<std::int64_t> number = id == nullptr ? std::nullopt : telegram_id(id->raw);
  if (!number) return std::nullopt;
  TelegramUser user{.id = *number};
  const bool good = read(*object, "username", user.username) && read(*object, "first_name", user.first_name) &&
                    read(*object, "last_name", user.last_name) && read(*object, "language_code", user.language) &&
                    read(*object, "photo_url", user.photo_url) && read(*object, "is_premium", user.is_premium);
  if (!good) return std::nullopt;
  return user;
}

}  // namespace gatecast::identity
