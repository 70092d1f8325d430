// A user's notifications: a page of them, some noted as read, some removed. What changes is told to all tabs.
#include <algorithm>
#include <array>

#include "http/query.hpp"
#include "server/json/notification_json.hpp"
#include "server/json/session_json.hpp"
#include "server/routes/handlers.hpp"
#include "server/routes/notification_caller.hpp"

namespace gatecast::server {
namespace {

constexpr std::array<std::string_view, 4> kParameters{"after", "limit", "unread", "wallet"};

/// A name that is none of ours would be a slip that goes unnoticed: `cursor` for `after` is the first page for ever.
Result<void> only_known(std::string_view query) {
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    const auto name = part.substr(0, part.find('='));
    if (!part.empty() && std::ranges::find(kParameters, name) == kParameters.end()) {
      return fail(Errc::field_invalid, fmt::format("{}: no parameter of that name", name.substr(0, 64)));
    }
  }
  return {};
}

/// A parameter's value. Error: field_invalid, where it is there without a value, twice or malformed.
Result<std::string> parameter(const http::Request& request, std::string_view name) {
  const auto found = http::find_query(request.query, name);
  if (found.duplicate || found.malformed || (found.value && found.value->empty())) {
    return fail(Errc::field_invalid, fmt::format("{}: not one value", name));
  }
  return found.value.value_or("");
}

Result<store::NotificationQuery> query_of(const http::Request& request) {
  if (auto known = only_known(request.query); !known) return known.error();
  auto after = parameter(request, "after");
  if (!after) return after.error();
  auto limit = parameter(request, "limit");
  if (!limit) return limit.error();
  auto unread = parameter(request, "unread");
  if (!unread) return unread.error();
  return page_query(*after, *limit, *unread);
}

using Change = Task<Result<store::NotificationsChanged>> (inbox::Inbox::*)(std::string, store::NotificationChoice);

Task<http::Response> change(Exchange& exchange, Change apply, bool may_choose_read, std::string_view counted) {
  auto owner = co_await notifications_owner(exchange);
  if (!owner) co_return failure(exchange, owner.error());
  auto body = body_of(exchange);
  if (!body) co_return failure(exchange, body.error());
  auto choice = choice_of(*body, may_choose_read);
  if (!choice) co_return failure(exchange, choice.error());
  Result<store::NotificationsChanged> done = store::NotificationsChanged{};
  if (!owner->empty()) {
    done = co_await (exchange.services().inbox->*apply)(std::move(*owner), std::move(*choice));
  }
  if (!done) co_return failure(exchange, done.error());
  JsonOut out;
  out.boolean("success", true)
      .number(counted, done->count)
      .number("unread", done->unread)
      .number("version", done->version);
  co_return json_response(out.done());
}

}  // namespace

Task<http::Response> notifications(Exchange& exchange) {
  auto owner = co_await notifications_owner(exchange);
  if (!owner) co_return failure(exchange, owner.error());
  auto query = query_of(exchange.request);
  if (!query) co_return failure(exchange, query.error());
  Result<store::NotificationPage> page = store::NotificationPage{};
  if (!owner->empty()) {
    query->user_id = std::move(*owner);
    page = co_await exchange.services().inbox->list(std::move(*query));
  }
  if (!page) co_return failure(exchange, page.error());
  co_return json_response(page_json(JsonOut().boolean("success", true), *page).done());
}

Task<http::Response> notifications_read(Exchange& exchange) {
  return change(exchange, &inbox::Inbox::read, false, "changed");
}

Task<http::Response> notifications_remove(Exchange& exchange) {
  return change(exchange, &inbox::Inbox::remove, true, "removed");
}

}  // namespace gatecast::server
