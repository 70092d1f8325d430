#include "token/connection_claims.hpp"

#include <algorithm>

#include "core/text_form.hpp"
#include "token/json_object.hpp"

namespace gatecast::token {
namespace {

/// More do not fit a token's bytes.
constexpr std::size_t kChannelsMax = 4096;

Error wrong(std::string_view claim) { return fail(Errc::token_claims, fmt::format("{} is malformed", claim)); }

bool is_json(std::string_view text) {
  const std::string object = fmt::format("{{\"v\":{}}}", text);
  const auto parsed = JsonObject::parse(object);
  return parsed && parsed->members().size() == 1;
}

/// `name` as it stands, or JSON text in base64 under "b64" + name.
Result<std::string> read_value(const JsonObject& object, std::string_view name) {
  const std::string encoded_name = fmt::format("b64{}", name);
  if (const JsonMember* encoded = object.find(encoded_name)) {
    const auto text = json_string(*encoded);
    auto value = text ? base64_decode(*text) : std::nullopt;
    if (!value || (!value->empty() && !is_json(*value))) return wrong(encoded_name);
    if (!value->empty()) return *std::move(value);
  }
  const JsonMember* plain = object.find(name);
  if (plain == nullptr || plain->kind == JsonKind::null) return std::string{};
  return std::string(plain->raw);
}

/// `{"value": true}`, as Centrifugo writes what may be left unsaid.
Result<std::optional<bool>> read_override(const JsonObject& object, std::string_view name) {
  const JsonMember* member = object.find(name);
  if (member == nullptr || member->kind == JsonKind::null) return std::optional<bool>{};
  const auto inner = JsonObject::parse(member->raw);
  const JsonMember* value = inner ? inner->find("value") : nullptr;
  if (!inner || (value != nullptr && value->kind != JsonKind::boolean)) return wrong(name);
  // Encoders that leave out what is false write `{}`.
  return std::optional<bool>{value != nullptr && value->raw == "true"};
}

Result<SubscriptionOverrides> read_overrides(const JsonObject& object) {
  SubscriptionOverrides read;
  const JsonMember* member = object.find("override");
  if (member == nullptr || member->kind == JsonKind::null) return read;
  const auto inner = JsonObject::parse(member->raw);
  if (!inner) return wrong("override");
  const std::pair<std::string_view, std::optional<bool>*> all[] = {
      {"presence", &read.presence},
      {"join_leave", &read.join_leave},
      {"force_push_join_leave", &read.force_push_join_leave},
      {"force_recovery", &read.force_recovery},
      {"force_positioning", &read.force_positioning}};
  for (const auto& [name, into] : all) {
    auto value = read_override(*inner, name);
    if (!value) return value.error();
    *into = *value;
  }
  return read;
}

Result<void> read_subs(const JsonMember& subs, std::vector<ServerSubscription>& out) {
  const auto object = JsonObject::parse(subs.raw);
  if (!object) return wrong("subs");
  for (const JsonMember& member : object->members()) {
    const auto inner = JsonObject::parse(member.raw);
    if (!inner) return wrong("subs");
    auto claims = read_subscription_claims(*inner);
    if (!claims) return claims.error();
    out.push_back({member.name, *std::move(claims)});
  }
  return {};
}

Result<void> read_channels(const JsonMember& channels, std::vector<ServerSubscription>& out) {
  const auto names = json_strings(channels, kChannelsMax);
  if (!names) return wrong("channels");
  for (const auto& name : *names) {
    if (std::ranges::find(out, name, &ServerSubscription::channel) == out.end()) out.push_back({name, {}});
  }
  return {};
}

}  // namespace

Result<SubscriptionClaims> read_subscription_claims(const JsonObject& object) {
  auto info = read_value(object, "info");
  if (!info) return info.error();
  auto data = read_value(object, "data");
  if (!data) return data.error();
  auto overrides = read_overrides(object);
  if (!overrides) return overrides.error();
  return SubscriptionClaims{*std::move(info), *std::move(data), *overrides};
}

Result<ConnectionClaims> read_connection_claims(std::string_view extra_json) {
  const auto object = JsonObject::parse(extra_json);
  if (!object) return wrong("the further claims");
  ConnectionClaims read;
  auto info = read_value(*object, "info");
  if (!info) return info.error();
  read.info = *std::move(info);
  if (const JsonMember* subs = object->find("subs"); subs != nullptr && subs->kind != JsonKind::null) {
    if (auto taken = read_subs(*subs, read.subscriptions); !taken) return taken.error();
  }
  if (const JsonMember* channels = object->find("channels"); channels != nullptr && channels->kind != JsonKind::null) {
    if (auto taken = read_channels(*channels, read.subscriptions); !taken) return taken.error();
  }
  if (const JsonMember* end = object->find("expire_at")) {
    read.expire_at = json_integer(*end);
    if (!read.expire_at || *read.expire_at < 0) return wrong("expire_at");
  }
  return read;
}

}  // namespace gatecast::token
