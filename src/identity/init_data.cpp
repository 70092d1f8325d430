#include "identity/init_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/text_form.hpp"
#include "crypto/ed25519.hpp"
#include "identity/plain_text.hpp"

namespace gatecast::identity {
namespace {

constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kMaxNameChars = 64;
/// Seconds of ten digits last until the year 2286.
constexpr std::size_t kMaxDateDigits = 10;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_'; }
bool is_lower_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

Error malformed(std::string detail) { return fail(Errc::initdata_malformed, std::move(detail)); }

// One value as application/x-www-form-urlencoded writes it; nothing where an escape is not %XX.
std::optional<std::string> form_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const std::optional<std::string> byte = hex_decode(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

Result<void> check_field(const TelegramField& field) {
  const auto& [name, value] = field;
  if (name.empty() || name.size() > kMaxNameChars || !std::ranges::all_of(name, is_name_char)) {
    return malformed("a field's name is not of a to z, 0 to 9 and _");
  }
  if (!is_line_text(value)) return malformed(fmt::format("{}: not UTF-8, or a control character in it", name));
  return {};
}

}  // namespace

Result<InitData> InitData::parse(std::string_view query) {
  if (query.size() > kMaxInitDataBytes) return malformed(fmt::format("{} bytes", query.size()));
  std::vector<TelegramField> fields;
  for (bool more = true; more;) {
    if (fields.size() == kMaxFields) return malformed("too many fields");
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    more = end != std::string_view::npos;
    if (more) query.remove_prefix(end + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return malformed("a field without =");
    std::optional<std::string> name = form_decode(pair.substr(0, equals));
    std::optional<std::string> value = form_decode(pair.substr(equals + 1));
    if (!name || !value) return malformed("a percent sign without two hex digits");
    fields.push_back({*std::move(name), *std::move(value)});
  }
  return from_fields(std::move(fields));
}

Result<InitData> InitData::from_fields(std::vector<TelegramField> fields) {
  if (fields.size() > kMaxFields) return malformed("too many fields");
  std::size_t bytes = 0;
  for (const TelegramField& field : fields) {
    if (Result<void> good = check_field(field); !good) return std::move(good.error());
    bytes += field.name.size() + field.value.size();
  }
  if (bytes > kMaxInitDataBytes) return malformed(fmt::format("{} bytes", bytes));
  std::ranges::sort(fields, {}, &TelegramField::name);
  const auto twice = std::ranges::adjacent_find(fields, {}, &TelegramField::name);
  if (twice != fields.end()) return malformed(fmt::format("{} stands twice", twice->name));
  InitData out;
  out.fields_ = std::move(fields);
  return out;
}

const std::string* InitData::find(std::string_view name) const {
  const auto field = std::ranges::find(fields_, name, &TelegramField::name);
  return field == fields_.end() ? nullptr : &field->value;
}

std::string InitData::check_string(std::initializer_list<std::string_view> without) const {
  std::string out;
  for (const auto& [name, value] : fields_) {
    if (std::ranges::find(without, name) != without.end()) continue;
    if (!out.empty()) out += '\n';
    out.append(name).append("=").append(value);
  }
  return out;
}

std::optional<std::string> InitData::hash() const {
  const std::string* text = find("hash");
  if (text == nullptr || text->size() != kHashDigits || !std::ranges::all_of(*text, is_lower_hex)) return std::nullopt;
  return hex_decode(*text);
}

std::optional<std::string> InitData::signature() const {
  const std::string* text = find("signature");
  if (text == nullptr) return std::nullopt;
  std::optional<std::string> bytes = base64url_decode(*text);
  if (!bytes || bytes->size() != kSignatureBytes) return std::nullopt;
  return bytes;
}

std::optional<WallTime> InitData::auth_date() const {
  const std::string* text = find("auth_date");
  if (text == nullptr || text->empty() || text->size() > kMaxDateDigits || !std::ranges::all_of(*text, is_digit)) {
    return std::nullopt;
  }
  std::int64_t seconds = 0;
  std::from_chars(text->data(), text->data() + text->size(), seconds);
  return from_unix_seconds(seconds);
}

}  // namespace gatecast::identity
