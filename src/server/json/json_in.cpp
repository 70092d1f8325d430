#include "server/json/json_in.hpp"

#include <algorithm>

#include "protocol/json_scan.hpp"

namespace gatecast::server {
namespace {

using protocol::JsonScan;

Error invalid(std::string_view name, std::string_view want) {
  return fail(Errc::field_invalid, fmt::format("{}: {}", name, want));
}

std::optional<std::string> read_text(std::string_view raw) {
  JsonScan scan(raw);
  JsonScan::Text text;
  if (!scan.string(text) || !scan.at_end()) return std::nullopt;
  if (!text.escaped) return std::string(text.raw);
  std::string scratch;
  auto plain = protocol::unescape(text, scratch);
  if (!plain || plain->contains('\0')) return std::nullopt;
  return std::string(*plain);
}

}  // namespace

Result<JsonIn> JsonIn::parse(std::string_view text) {
  if (!protocol::is_utf8(text)) return fail(Errc::bad_json, "not UTF-8");
  JsonIn in;
  JsonScan scan(text);
  std::string problem;
  scan.skip_space();
  const bool whole = scan.members([&](JsonScan::Text name) {
    std::string scratch;
    auto plain = protocol::unescape(name, scratch);
    std::string_view value;
    if (!plain || in.members_.size() == kMembersMax || in.find(*plain) != nullptr || !scan.value(value)) return false;
    in.members_.emplace_back(std::string(*plain), value);
    return true;
  });
  scan.skip_space();
  if (!whole || !scan.at_end()) return fail(Errc::bad_json, "not one JSON object with distinct members");
  return in;
}

const std::string_view* JsonIn::find(std::string_view name) const {
  for (const auto& [key, value] : members_) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view JsonIn::raw(std::string_view name) const {
  const auto* value = find(name);
  return value == nullptr ? std::string_view{} : *value;
}

Result<std::string> JsonIn::text(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr || *value == "null") return fail(Errc::field_missing, std::string(name));
  auto plain = read_text(*value);
  if (!plain) return invalid(name, "not a text without zero bytes");
  return std::move(*plain);
}

Result<std::string> JsonIn::optional_text(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr || *value == "null") return std::string{};
  return text(name);
}

Result<std::optional<bool>> JsonIn::optional_bool(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr || *value == "null") return std::optional<bool>{};
  if (*value == "true") return std::optional<bool>{true};
  if (*value == "false") return std::optional<bool>{false};
  return invalid(name, "not true or false");
}

Result<std::optional<std::int64_t>> JsonIn::optional_integer(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr || *value == "null") return std::optional<std::int64_t>{};
  JsonScan scan(*value);
  std::int64_t number = 0;
  constexpr std::int64_t kMax = std::int64_t{1} << 53;
  if (!scan.signed_integer(-kMax, kMax, number) || !scan.at_end()) return invalid(name, "not an integer");
  return std::optional<std::int64_t>{number};
}

Result<std::vector<std::string_view>> JsonIn::items(std::string_view name, std::size_t max) const {
  const auto* value = find(name);
  if (value == nullptr) return fail(Errc::field_missing, std::string(name));
  JsonScan scan(*value);
  std::vector<std::string_view> out;
  if (!scan.take('[')) return invalid(name, "not an array");
  scan.skip_space();
  if (scan.take(']')) return out;
  for (;;) {
    std::string_view item;
    scan.skip_space();
    if (!scan.value(item) || out.size() == max) return invalid(name, fmt::format("not an array of at most {}", max));
    out.push_back(item);
    scan.skip_space();
    if (scan.take(']')) return out;
    if (!scan.take(',')) return invalid(name, "not an array");
  }
}

Result<std::vector<std::string>> JsonIn::texts(std::string_view name, std::size_t max) const {
  auto raw = items(name, max);
  if (!raw) return raw.error();
  std::vector<std::string> out;
  for (const auto item : *raw) {
    auto plain = read_text(item);
    if (!plain) return invalid(name, "not an array of texts without zero bytes");
    out.push_back(std::move(*plain));
  }
  return out;
}

Result<void> JsonIn::only(std::initializer_list<std::string_view> names) const {
  for (const auto& [key, value] : members_) {
    if (std::ranges::find(names, key) == names.end()) return invalid(key.substr(0, 64), "no member of that name");
  }
  return {};
}

Result<JsonIn> JsonIn::optional_object(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr || *value == "null") return JsonIn{};
  auto inner = parse(*value);
  if (!inner) return invalid(name, "not an object");
  return inner;
}

}  // namespace gatecast::server
