// Server API: what the operators' console asks for: what the caller may do, the configuration in force, and the log as
// it is written.
#include "core/log_tail.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"
#include "server/reloading.hpp"
#include "session/bell.hpp"

namespace gatecast::server {
namespace {

constexpr std::int64_t kLinesMax = 500;
constexpr std::int64_t kWaitMax = 25;  // seconds: below the time after which proxies give up on an answer
// How long a line may lie before who waits for it sees it; a look costs one lock.
constexpr auto kLook = std::chrono::milliseconds{250};

struct TailQuery {
  std::uint64_t after = 0;
  std::size_t limit = 0;
  std::chrono::seconds wait{};
};

Result<TailQuery> tail_query(const JsonIn& params) {
  if (auto known = params.only({"after", "limit", "wait"}); !known) return known.error();
  auto after = params.optional_integer("after");
  if (!after) return after.error();
  auto limit = params.optional_integer("limit");
  if (!limit) return limit.error();
  auto wait = params.optional_integer("wait");
  if (!wait) return wait.error();
  if (after->value_or(0) < 0) return fail(Errc::field_invalid, "after: a seq");
  const auto lines = limit->value_or(100);
  if (lines < 1 || lines > kLinesMax) return fail(Errc::field_invalid, fmt::format("limit: 1 to {}", kLinesMax));
  const auto seconds = wait->value_or(0);
  if (seconds < 0 || seconds > kWaitMax) {
    return fail(Errc::field_invalid, fmt::format("wait: 0 to {} seconds", kWaitMax));
  }
  return TailQuery{.after = static_cast<std::uint64_t>(after->value_or(0)),
                   .limit = static_cast<std::size_t>(lines),
                   .wait = std::chrono::seconds{seconds}};
}

}  // namespace

Task<Answer> api_whoami(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({}); !known) co_return known.error();
  std::string names;
  for (const auto name : methods_of(call)) names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", name);
  JsonOut out;
  out.text("actor", call.actor).text_if("role", call.person != nullptr ? call.person->role : std::string());
  co_return out.raw("methods", "[" + names + "]").done();
}

Task<Answer> api_config(ApiCall& call, const JsonIn& params) {
  if (auto known = params.only({}); !known) co_return known.error();
  co_return call.services().reloading->shown();
}

Task<Answer> api_log_tail(ApiCall& call, const JsonIn& params) {
  auto query = tail_query(params);
  if (!query) co_return query.error();
  auto& services = call.services();
  const SteadyTime until = services.clock.steady() + query->wait;
  // A number of another run of the program would wait for lines that are long written.
  while (query->after != 0 && log::tail_newest() == query->after && !services.events.closed()) {
    const auto left = until - services.clock.steady();
    if (left.count() <= 0) break;
    co_await services.events.wait(services.events.rings(), std::min<Duration>(left, kLook));
  }
  const auto lines = log::tail(query->after, query->limit);
  std::string list;
  for (const auto& line : lines) {
    if (!list.empty()) list += ',';
    list += JsonOut().number("seq", line.seq).raw("line", line.json).done();
  }
  const bool gap = query->after != 0 && !lines.empty() && lines.front().seq != query->after + 1;
  JsonOut out;
  out.raw("lines", "[" + list + "]").number("next", lines.empty() ? query->after : lines.back().seq);
  co_return out.boolean("gap", gap).done();
}

}  // namespace gatecast::server
