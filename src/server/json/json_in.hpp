// A JSON object taken from a request body: its members by name, embedded values as their exact text.
//
// Values are not converted until asked for, so that a payload passes on as it came. Strict: one object, UTF-8, no
// member twice, nested at most 32 deep. Views point into the text given and into the object's own scratch. Errors:
// bad_json, field_missing, field_invalid, each naming the field in its detail.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace gatecast::server {

class JsonIn {
 public:
  /// Bound on members of one object: more is no request of ours.
  static constexpr std::size_t kMembersMax = 256;

  static Result<JsonIn> parse(std::string_view text);

  /// All members in their order, values as they stand.
  std::span<const std::pair<std::string, std::string_view>> members() const { return members_; }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// A required text, without zero bytes: no store keeps those. Error: field_missing, field_invalid.
  Result<std::string> text(std::string_view name) const;
  /// A text, or empty where absent or null.
  Result<std::string> optional_text(std::string_view name) const;
  Result<std::optional<bool>> optional_bool(std::string_view name) const;
  Result<std::optional<std::int64_t>> optional_integer(std::string_view name) const;
  /// Any value as it stands, or empty where absent.
  std::string_view raw(std::string_view name) const;
  /// An array of texts. Error: field_missing, field_invalid.
  Result<std::vector<std::string>> texts(std::string_view name, std::size_t max) const;
  /// The exact texts of an array's values. Error: field_missing, field_invalid.
  Result<std::vector<std::string_view>> items(std::string_view name, std::size_t max) const;
  /// Error: field_invalid, where there is a member of another name: a slip that would go unnoticed.
  Result<void> only(std::initializer_list<std::string_view> names) const;
  /// An object, or an empty one where absent or null.
  Result<JsonIn> optional_object(std::string_view name) const;

 private:
  const std::string_view* find(std::string_view name) const;
  std::vector<std::pair<std::string, std::string_view>> members_;
};

}  // namespace gatecast::server
