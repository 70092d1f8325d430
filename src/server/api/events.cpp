// Server API: what happened, for the application (events) and for operators (audit); and a copy of all data.
#include "server/api/events.hpp"

#include <limits>

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"
#include "session/audit_events.hpp"
#include "session/bell.hpp"

namespace gatecast::server {
namespace {

constexpr std::uint64_t kNewest = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kAuditKinds = 32;

Task<Result<std::uint64_t>> newest_seq(store::Store& store) {
  auto rows = co_await store.audit_log({.before = kNewest, .limit = 1});
  if (!rows) co_return rows.error();
  co_return rows->empty() ? 0 : rows->front().seq;
}

struct Page {
  std::vector<store::AuditRow> rows;
  std::uint64_t next = 0;
  bool rewound = false;  // the place asked for lies beyond the log: the data was restored since
};

Task<Result<Page>> page_after(store::Store& store, std::vector<std::string> kinds, EventsQuery query) {
  // Read first: what is committed until then and is an event is among the rows, unless they are full.
  auto newest = co_await newest_seq(store);
  if (!newest) co_return newest.error();
  Page page{.next = query.after};
  if (*newest < query.after) co_return Page{.next = *newest, .rewound = true};
  if (*newest == query.after) co_return page;
  auto rows = co_await store.audit_log({.kinds = std::move(kinds), .after = query.after, .limit = query.limit});
  if (!rows) co_return rows.error();
  page.rows = std::move(*rows);
  page.next = page.rows.size() == query.limit ? page.rows.back().seq : *newest;
  if (!page.rows.empty()) page.next = std::max(page.next, page.rows.back().seq);
  co_return page;
}

}  // namespace

Result<EventsQuery> events_query(std::int64_t after, std::int64_t limit, std::int64_t wait) {
  if (after < 0) return fail(Errc::field_invalid, "after: a seq");
  if (limit < 1 || limit > kEventsMax) return fail(Errc::field_invalid, fmt::format("limit: 1 to {}", kEventsMax));
  if (wait < 0 || wait > kEventsWaitMax) {
    return fail(Errc::field_invalid, fmt::format("wait: 0 to {} seconds", kEventsWaitMax));
  }
  return EventsQuery{.after = static_cast<std::uint64_t>(after),
                     .limit = static_cast<std::uint32_t>(limit),
                     .wait = std::chrono::seconds{wait}};
}

Task<Result<std::string>> events_after(Services& services, EventsQuery query) {
  const auto kinds = session::audit_kinds({});
  const SteadyTime until = services.clock.steady() + query.wait;
  for (;;) {
    const auto heard = services.events.rings();
    auto page = co_await page_after(services.store, *kinds, query);
    if (!page) co_return page.error();
    const auto left = until - services.clock.steady();
    if (page->rows.empty() && !page->rewound && left.count() > 0 && !services.events.closed()) {
      query.after = page->next;
      co_await services.events.wait(heard, std::min<Duration>(left, std::chrono::seconds{1}));
      continue;
    }
    std::string events;
    for (const auto& row : page->rows) {
      if (!events.empty()) events += ',';
      events += session::event_json(row);
    }
    JsonOut out;
    out.raw("events", "[" + events + "]").number("next", page->next);
    if (page->rewound) out.boolean("rewound", true);
    co_return out.done();
  }
}

std::string audit_json(const store::AuditRow& row) {
  JsonOut out;
  out.number("seq", row.seq).text("at", format_rfc3339(row.at)).text("kind", row.kind).text_if("user", row.user_id);
  out.text_if("session", row.sid).text_if("ip", row.ip).text_if("code", row.code).text_if("detail", row.detail);
  if (row.count != 1) out.number("count", row.count);
  return out.done();
}

Task<Answer> api_events(ApiCall& call, const JsonIn& params) {
  auto after = params.optional_integer("after");
  if (!after) co_return after.error();
  auto limit = params.optional_integer("limit");
  if (!limit) co_return limit.error();
  auto wait = params.optional_integer("wait");
  if (!wait) co_return wait.error();
  auto query = events_query(after->value_or(0), limit->value_or(100), wait->value_or(0));
  if (!query) co_return query.error();
  co_return co_await events_after(call.services(), *query);
}

Task<Answer> api_audit(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({"user", "kinds", "after", "before", "limit"}); !known) co_return known.error();
  auto user = params.optional_text("user");
  if (!user) co_return user.error();
  auto after = params.optional_integer("after");
  if (!after) co_return after.error();
  auto before = params.optional_integer("before");
  if (!before) co_return before.error();
  auto limit = params.optional_integer("limit");
  if (!limit) co_return limit.error();
  if (*after && *before) co_return fail(Errc::field_invalid, "give after or before");
  if (after->value_or(0) < 0 || before->value_or(1) < 1) co_return fail(Errc::field_invalid, "after, before: a seq");
  auto figure = events_query(0, limit->value_or(100), 0);
  if (!figure) co_return figure.error();
  store::AuditQuery query{.user_id = std::move(*user), .limit = figure->limit};
  if (params.has("kinds")) {
    auto kinds = params.texts("kinds", kAuditKinds);
    if (!kinds) co_return kinds.error();
    query.kinds = std::move(*kinds);
  }
  // Who names no place wants to see the newest.
  if (*after) {
    query.after = static_cast<std::uint64_t>(**after);
  } else {
    query.before = *before ? static_cast<std::uint64_t>(**before) : kNewest;
  }
  auto rows = co_await call.services().store.audit_log(std::move(query));
  if (!rows) co_return rows.error();
  std::string list;
  for (const auto& row : *rows) {
    if (!list.empty()) list += ',';
    list += audit_json(row);
  }
  co_return JsonOut().raw("rows", "[" + list + "]").done();
}

Task<Answer> api_backup(ApiCall& call, const JsonIn& params) {
  auto file = params.text("file");
  if (!file) co_return file.error();
  if (!file->starts_with('/')) co_return fail(Errc::field_invalid, "file: an absolute path");
  auto written = co_await call.services().store.backup(*file);
  if (!written) co_return written.error();
  log::info("backup", {{"file", *file}, {"actor", call.actor}});
  co_await audit_call(call, "backup", {}, {}, *file);
  co_return std::string("{}");
}

}  // namespace gatecast::server
