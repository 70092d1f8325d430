// Server API: notifications, made for one user or thousands; those of a user as support sees them.
#include <algorithm>
#include <unordered_set>

#include "protocol/json_check.hpp"
#include "server/api/methods.hpp"
#include "server/foreign_user.hpp"
#include "server/json/notification_json.hpp"

namespace gatecast::server {
namespace {

Result<std::vector<store::Notify::Recipient>> recipients_of(const ApiCall& call, const JsonIn& params) {
  if (params.has("user") == params.has("users")) return fail(Errc::field_invalid, "give user or users");
  std::vector<std::string> ids;
  if (params.has("user")) {
    auto id = params.text("user");
    if (!id) return id.error();
    ids.push_back(std::move(*id));
  } else {
    auto several = params.texts("users", inbox::kRecipientsMax);
    if (!several) return several.error();
    ids = std::move(*several);
  }
  const auto& config = call.services().config;
  std::vector<store::Notify::Recipient> out;
  std::unordered_set<std::string> seen;
  for (auto& id : ids) {
    if (!seen.insert(id).second) continue;
    const bool foreign = is_foreign_user(config, id);
    out.push_back({.user_id = std::move(id), .foreign = foreign});
  }
  return out;
}

Result<store::Notify> notify_of(const ApiCall& call, const JsonIn& params) {
  auto recipients = recipients_of(call, params);
  if (!recipients) return recipients.error();
  auto kind = params.text("kind");
  if (!kind) return kind.error();
  if (!inbox::is_kind(*kind)) return fail(Errc::field_invalid, "kind: 1 to 64 of A-Z a-z 0-9 _ . : -");
  auto key = params.optional_text("key");
  if (!key) return key.error();
  if (!inbox::is_key(*key)) return fail(Errc::field_invalid, "key: at most 128 printable characters");
  const auto data = params.raw("data");
  if (data.empty()) return fail(Errc::field_missing, "data");
  if (data.size() > inbox::kDataBytesMax) return fail(Errc::body_too_large, "data: at most 4096 bytes");
  std::string scratch;
  return store::Notify{.recipients = std::move(*recipients),
                       .kind = std::move(*kind),
                       .data = std::string(protocol::compact_newlines(data, scratch)),
                       .key = std::move(*key)};
}

std::string texts_json(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) {
    if (out.size() > 1) out += ',';
    protocol::append_json_text(out, text);
  }
  return out + ']';
}

}  // namespace

Task<Answer> api_notify(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"user", "users", "kind", "data", "key", "idempotency_key"}); !known) {
    co_return known.error();
  }
  auto request = notify_of(call, params);
  if (!request) co_return request.error();
  auto reached = co_await call.services().inbox->notify(std::move(*request));
  if (!reached) co_return reached.error();
  JsonOut out;
  out.number("notified", reached->notified).number("repeated", reached->repeated);
  co_return out.raw("unknown", texts_json(reached->unknown)).done();
}

Task<Answer> api_notifications(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"user", "after", "limit", "unread"}); !known) co_return known.error();
  auto user = params.text("user");
  if (!user) co_return user.error();
  auto after = params.optional_text("after");
  if (!after) co_return after.error();
  auto limit = params.optional_integer("limit");
  if (!limit) co_return limit.error();
  auto unread = params.optional_bool("unread");
  if (!unread) co_return unread.error();
  auto query = page_query(*after, *limit ? fmt::format("{}", **limit) : "", unread->value_or(false) ? "true" : "");
  if (!query) co_return query.error();
  query->user_id = std::move(*user);
  auto page = co_await call.services().inbox->list(std::move(*query));
  if (!page) co_return page.error();
  co_return page_json(JsonOut(), *page).done();
}

Task<Answer> api_notification_remove(ApiCall& call, const JsonIn& params) {
  auto user = params.text("user");
  if (!user) co_return user.error();
  auto choice = choice_of(params, true, {"user", "idempotency_key"});
  if (!choice) co_return choice.error();
  auto done = co_await call.services().inbox->remove(*user, std::move(*choice));
  if (!done) co_return done.error();
  if (done->count > 0) {
    co_await audit_call(call, "notification_remove", std::move(*user), {}, fmt::format("{} removed", done->count));
  }
  co_return JsonOut()
      .number("removed", done->count)
      .number("unread", done->unread)
      .number("version", done->version)
      .done();
}

Task<Result<std::string>> exported_notifications(ApiCall& call, std::string user_id) {
  std::string list = "[";
  store::NotificationQuery query{.user_id = std::move(user_id), .limit = inbox::kPageMax};
  for (bool more = true; more;) {
    auto page = co_await call.services().inbox->list(query);
    if (!page) co_return page.error();
    for (const auto& row : page->rows) {
      if (list.size() > 1) list += ',';
      list += notification_json(row).done();
    }
    more = page->more;
    if (more) query.before = page->rows.back().seq;
  }
  co_return list + ']';
}

}  // namespace gatecast::server
