// Server API: what users may open.
#include "access/grants.hpp"

#include <algorithm>

#include "core/time_text.hpp"
#include "protocol/json_check.hpp"
#include "server/api/methods.hpp"
#include "server/foreign_user.hpp"
#include "server/json/grant_json.hpp"

namespace gatecast::server {
namespace {

// A time to live above this is a slip: a year has 32 million seconds.
constexpr std::int64_t kTtlMax_s = 100LL * 366 * 24 * 3600;

bool within(std::string_view text, char first, std::size_t max) {
  return text.size() <= max && std::ranges::all_of(text, [first](char c) { return c >= first && c < 0x7f; });
}

Result<std::string> resource_in(const JsonIn& params) {
  auto resource = params.text("resource");
  if (!resource) return resource;
  if (resource->empty() || !within(*resource, 0x21, store::kGrantResourceBytesMax)) {
    return fail(Errc::field_invalid, "resource: 1 to 255 visible ASCII characters");
  }
  return resource;
}

Result<std::optional<std::string>> key_in(const JsonIn& params) {
  if (!params.has("key")) return std::optional<std::string>();
  auto key = params.optional_text("key");
  if (!key) return key.error();
  if (!within(*key, 0x20, store::kGrantKeyBytesMax)) {
    return fail(Errc::field_invalid, "key: at most 255 printable ASCII characters");
  }
  return std::optional(std::move(*key));
}

Result<std::optional<WallTime>> time_in(const JsonIn& params, std::string_view name) {
  auto text = params.optional_text(name);
  if (!text) return text.error();
  const auto raw = params.raw(name);
  // An empty text is a slip of the back end's, which would be a grant for ever.
  if (raw.empty() || raw == "null") return std::optional<WallTime>();
  const auto time = parse_rfc3339(*text);
  if (!time) return fail(Errc::field_invalid, fmt::format("{}: a time as RFC 3339 writes it", name));
  return time;
}

Result<std::string> meta_in(const JsonIn& params) {
  auto object = params.optional_object("meta");
  if (!object) return object.error();
  const auto raw = params.raw("meta");
  if (raw.empty() || raw == "null") return std::string("{}");
  if (raw.size() > store::kGrantMetaBytesMax) return fail(Errc::field_invalid, "meta: at most 4096 bytes");
  std::string scratch;
  return std::string(protocol::compact_newlines(raw, scratch));
}

Result<void> take_times(const ApiCall& call, const JsonIn& params, store::GrantAdd& request) {
  auto from = time_in(params, "from");
  if (!from) return from.error();
  auto until = time_in(params, "until");
  if (!until) return until.error();
  auto ttl = params.optional_integer("ttl");
  if (!ttl) return ttl.error();
  if (*ttl && *until) return fail(Errc::field_invalid, "give until or ttl");
  if (*ttl && (**ttl < 1 || **ttl > kTtlMax_s)) return fail(Errc::field_invalid, "ttl: 1 second to 100 years");
  if (*from && *until && **until <= **from) return fail(Errc::field_invalid, "until: after from");
  if (*from && **from > call.services().clock.wall() + std::chrono::seconds{kTtlMax_s}) {
    return fail(Errc::field_invalid, "from: within 100 years");
  }
  request.from = *from;
  request.until = *until;
  if (*ttl) request.ttl = std::chrono::seconds{**ttl};
  return {};
}

Result<store::GrantAdd> grant_in(const ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"user", "resource", "key", "from", "until", "ttl", "meta", "idempotency_key"});
      !known) {
    return known.error();
  }
  auto user = params.text("user");
  if (!user) return user.error();
  auto resource = resource_in(params);
  if (!resource) return resource.error();
  auto key = key_in(params);
  if (!key) return key.error();
  auto meta = meta_in(params);
  if (!meta) return meta.error();
  store::GrantAdd request{.user_id = std::move(*user), .resource = std::move(*resource)};
  request.foreign = is_foreign_user(call.services().config, request.user_id);
  request.key = key->value_or("");
  request.meta = std::move(*meta);
  request.actor = call.actor;
  request.ip = call.ip;
  if (auto taken = take_times(call, params, request); !taken) return taken.error();
  return request;
}

}  // namespace

Task<Answer> api_grant_add(ApiCall& call, const JsonIn& params) {
  auto request = grant_in(call, params);
  if (!request) co_return request.error();
  auto done = co_await call.services().grants->add(std::move(*request));
  if (!done) co_return done.error();
  JsonOut out;
  out.raw("grant", grant_json(done->change.grant)).number("version", done->change.version);
  co_return out.boolean("changed", done->changed).done();
}

Task<Answer> api_grant_remove(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"user", "id", "resource", "key", "idempotency_key"}); !known) co_return known.error();
  auto user = params.text("user");
  if (!user) co_return user.error();
  if (params.has("id") == params.has("resource")) co_return fail(Errc::field_invalid, "give id or resource");
  store::GrantRemove request{.user_id = std::move(*user)};
  request.foreign = is_foreign_user(call.services().config, request.user_id);
  request.actor = call.actor;
  request.ip = call.ip;
  if (params.has("id")) {
    auto id = params.text("id");
    if (!id) co_return id.error();
    if (id->empty()) co_return fail(Errc::field_invalid, "id: of a grant");
    if (params.has("key")) co_return fail(Errc::field_invalid, "key: goes with resource");
    request.id = std::move(*id);
  } else {
    auto resource = resource_in(params);
    if (!resource) co_return resource.error();
    auto key = key_in(params);
    if (!key) co_return key.error();
    request.resource = std::move(*resource);
    request.key = std::move(*key);
  }
  auto gone = co_await call.services().grants->remove(std::move(request));
  if (!gone) co_return gone.error();
  co_return JsonOut().number("removed", gone->removed).number("version", gone->version).done();
}

Task<Answer> api_grants(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"user"}); !known) co_return known.error();
  auto user = params.text("user");
  if (!user) co_return user.error();
  auto all = co_await call.services().grants->all_of(*user);
  if (!all) co_return all.error();
  if (all->version == 0 && all->grants.empty() && !is_foreign_user(call.services().config, *user)) {
    auto known = co_await call.services().store.user(*user);
    if (!known) co_return known.error();
  }
  std::string list;
  for (const auto& grant : all->grants) {
    if (!list.empty()) list += ',';
    list += grant_json(grant);
  }
  co_return JsonOut().number("version", all->version).raw("grants", "[" + list + "]").done();
}

}  // namespace gatecast::server
