// One JSON object of a token: validated in a single pass, its members as slices of the text.
//
// Place: headers and claims. Pure; any thread. Lifetime: the object points into the text it was parsed from.
// Strict RFC 8259: UTF-8 valid, no lone surrogates, no duplicate member at the top, nothing after the object.
// Bounds: 64 members at the top, nested 32 deep. Errors: nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gatecast::token {

inline constexpr std::size_t kMaxMembers = 64;
inline constexpr unsigned kMaxJsonDepth = 32;

enum class JsonKind : std::uint8_t { string, integer, real, boolean, null, array, object };

struct JsonMember {
  std::string name{};           // decoded
  std::string_view raw_name{};  // as written, with its quotes
  std::string_view raw{};       // the value as written
  JsonKind kind = JsonKind::null;
};

class JsonObject {
 public:
  static std::optional<JsonObject> parse(std::string_view text);
  const JsonMember* find(std::string_view name) const;
  std::span<const JsonMember> members() const { return members_; }

 private:
  std::vector<JsonMember> members_;
};

/// The text of a string member; nullopt for another kind.
std::optional<std::string> json_string(const JsonMember& member);
/// An integer within ±2^53, written without fraction or exponent; nullopt for anything else.
std::optional<std::int64_t> json_integer(const JsonMember& member);
/// The items of an array of strings, at most `limit`; nullopt for anything else.
std::optional<std::vector<std::string>> json_strings(const JsonMember& member, std::size_t limit);
/// The values of an array of any kind, at most `limit`, as written; nullopt for anything else.
std::optional<std::vector<std::string_view>> json_items(const JsonMember& member, std::size_t limit);
/// Appends `text` as a JSON string with its quotes; bytes that are no UTF-8 go through unchanged.
void append_json_string(std::string& out, std::string_view text);

}  // namespace gatecast::token
