// The fields that Telegram signs, read from the query string in which a Mini App or a Login Widget hands them over.
//
// Place: under telegram.hpp. Pure; any thread. Values are percent-decoded once, `+` being a space, and stay as they
// are: JSON in them is never written again, for Telegram signed its very characters (`\/`). Strict where two readings
// of one signed text would differ: names are [a-z0-9_] and stand once, values have no control characters, so that a
// line of the data check string is one field and cannot be cut or joined otherwise. Bounds: kMaxInitDataBytes,
// kMaxFields. Errors: initdata_malformed, with the reason as detail.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"

namespace gatecast::identity {

/// Telegram's own data is about 1 KB; without a bound a client could make us decode and hash megabytes.
inline constexpr std::size_t kMaxInitDataBytes = std::size_t{16} * 1024;
inline constexpr std::size_t kMaxFields = 64;

struct TelegramField {
  std::string name;
  std::string value;

  bool operator==(const TelegramField&) const = default;
};

class InitData {
 public:
  /// From the query string, as `Telegram.WebApp.initData` has it.
  static Result<InitData> parse(std::string_view query);
  /// From fields that came otherwise, such as the object of a widget's callback.
  static Result<InitData> from_fields(std::vector<TelegramField> fields);

  /// Sorted by name, bytewise.
  const std::vector<TelegramField>& fields() const { return fields_; }
  const std::string* find(std::string_view name) const;

  /// `name=value` of all fields but those named, joined by line feeds.
  std::string check_string(std::initializer_list<std::string_view> without) const;

  /// The 32 bytes of `hash`: 64 lower-case hex digits. Nothing where it is absent or has another form.
  std::optional<std::string> hash() const;
  /// The 64 bytes of `signature`: base64url without padding.
  std::optional<std::string> signature() const;
  /// `auth_date`, seconds since 1970 in decimal.
  std::optional<WallTime> auth_date() const;

 private:
  std::vector<TelegramField> fields_;
};

}  // namespace gatecast::identity
