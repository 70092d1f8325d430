// Server API: what channels keep – who is on them, what was published – and which there are.
#include <map>

#include "protocol/json_writer.hpp"
#include "server/api_methods.hpp"
#include "server/json_out.hpp"
#include "server/name_pattern.hpp"
#include "server/position_in.hpp"
#include "server/publication_views.hpp"

namespace gatecast::server {
namespace {

constexpr std::int64_t kChannelsMax = 10'000;

/// The channel of a call and its namespace. Errors: field_missing, field_invalid, bad_request, unknown_channel.
struct Asked {
  std::string channel;
  const NamespaceConfig* its;
};
Result<Asked> channel_of(const ApiCall& call, const JsonIn& params) {
  auto channel = params.text("channel");
  if (!channel) return channel.error();
  auto found = call.services().namespaces.find(*channel);
  if (!found) return found.error();
  return Asked{std::move(*channel), *found};
}

Result<Asked> channel_with_presence(const ApiCall& call, const JsonIn& params) {
  auto asked = channel_of(call, params);
  if (asked && !asked->its->presence) return fail(Errc::not_available, "the namespace has no presence");
  return asked;
}

Result<Asked> channel_with_history(const ApiCall& call, const JsonIn& params) {
  auto asked = channel_of(call, params);
  if (asked && !history_of(*asked->its).on()) return fail(Errc::not_available, "the namespace has no history");
  return asked;
}

Result<broker::HistoryQuery> query_of(const JsonIn& params) {
  auto limit = params.optional_integer("limit");
  auto reverse = params.optional_bool("reverse");
  auto since = position_in(params, "since");
  if (!limit) return limit.error();
  if (!reverse) return reverse.error();
  if (!since) return since.error();
  const std::int64_t most = limit->value_or(0);
  if (most < -1 || most > INT32_MAX) return fail(Errc::field_invalid, "limit: -1 for all, 0 for none, or a number");
  return broker::HistoryQuery{
      .limit = static_cast<std::int32_t>(most), .since = *since, .reverse = reverse->value_or(false)};
}

/// What `channels` looks for.
struct Wanted {
  NamePattern pattern;
  std::string after;
  std::size_t limit = 0;
  bool includes(std::string_view name) const { return name > after && pattern.matches(name); }
};

Result<Wanted> wanted_of(const JsonIn& params) {
  auto pattern = params.optional_text("pattern");
  auto after = params.optional_text("after");
  auto limit = params.optional_integer("limit");
  if (!pattern) return pattern.error();
  if (!after) return after.error();
  if (!limit) return limit.error();
  const std::int64_t most = limit->value_or(kChannelsMax);
  if (most < 1 || most > kChannelsMax) return fail(Errc::field_invalid, fmt::format("limit: 1 to {}", kChannelsMax));
  auto parsed = NamePattern::parse(*pattern);
  if (!parsed) return parsed.error();
  return Wanted{std::move(*parsed), std::move(*after), static_cast<std::size_t>(most)};
}

using Subscribers = std::map<std::string, std::size_t>;  // of each channel, in the order of names

/// The first `limit` channels of those wanted that have subscribers on this shard. Among the first of all shards there
/// is none that a shard with subscribers of it would not have among its own first, so the sums are whole.
Subscribers first_channels(const hub::Hub& hub, const Wanted& wanted) {
  Subscribers first;
  hub.each_channel([&](std::string_view name, std::size_t subscribers) {
    if (first.size() == wanted.limit && name > first.rbegin()->first) return;
    if (!wanted.includes(name)) return;
    first.emplace(std::string(name), subscribers);
    if (first.size() > wanted.limit) first.erase(std::prev(first.end()));
  });
  return first;
}

/// Those wanted whose home is this shard: over all shards each is counted once.
std::size_t count_channels(const hub::Hub& hub, const Wanted& wanted) {
  std::size_t count = 0;
  hub.each_home([&](std::string_view name) { count += wanted.includes(name) ? 1 : 0; });
  return count;
}

std::string channels_json(const Subscribers& channels) {
  JsonOut out;
  for (const auto& [name, subscribers] : channels) out.object(name, JsonOut().number("num_clients", subscribers));
  return out.done();
}

}  // namespace

Task<Answer> api_presence(ApiCall& call, const JsonIn& params) {
  auto asked = channel_with_presence(call, params);
  if (!asked) co_return asked.error();
  const std::size_t most = call.services().config.limits.presence_clients;
  const auto all = co_await call.worker.hub().presence(std::move(asked->channel), most);
  const auto views = presence_views(all);
  std::string result;
  protocol::append_result(result, protocol::PresenceResult{views});
  co_return result;
}

Task<Answer> api_presence_stats(ApiCall& call, const JsonIn& params) {
  auto asked = channel_with_presence(call, params);
  if (!asked) co_return asked.error();
  const auto count = co_await call.worker.hub().presence_count(std::move(asked->channel));
  std::string result;
  protocol::append_result(result, protocol::PresenceStatsResult{count.clients, count.users});
  co_return result;
}

Task<Answer> api_history(ApiCall& call, const JsonIn& params) {
  auto asked = channel_with_history(call, params);
  if (!asked) co_return asked.error();
  auto query = query_of(params);
  if (!query) co_return query.error();
  const auto page = co_await call.worker.hub().history(std::move(asked->channel), *query);
  if (!page) co_return page.error();
  const PublicationViews views(page->publications);
  const std::string epoch = broker::epoch_text(page->top.epoch);
  std::string result;
  protocol::append_result(result, protocol::HistoryResult{views.views(), epoch, page->top.offset});
  co_return result;
}

Task<Answer> api_history_remove(ApiCall& call, const JsonIn& params) {
  auto asked = channel_with_history(call, params);
  if (!asked) co_return asked.error();
  co_await call.worker.hub().clear_history(std::move(asked->channel));
  co_return std::string("{}");
}

Task<Answer> api_channels(ApiCall& call, const JsonIn& params) {
  auto wanted = wanted_of(params);
  if (!wanted) co_return wanted.error();
  const Wanted& w = *wanted;
  Subscribers sum;
  bool cut = false;
  for (auto* worker : call.services().workers) {
    auto here =
        co_await ask<Subscribers>(worker->shard(), *worker, [&w](Worker& its) { return first_channels(its.hub(), w); });
    cut = cut || here.size() == w.limit;
    for (const auto& [name, subscribers] : here) sum[name] += subscribers;
    for (; sum.size() > w.limit; cut = true) sum.erase(std::prev(sum.end()));
  }
  std::size_t total = cut ? 0 : sum.size();
  if (cut) {
    for (auto* worker : call.services().workers) {
      total += co_await ask<std::size_t>(worker->shard(), *worker,
                                         [&w](Worker& its) { return count_channels(its.hub(), w); });
    }
  }
  total = std::max(total, sum.size());  // a channel that just comes or goes may be known on one side only
  JsonOut out;
  out.raw("channels", channels_json(sum)).number("total", total);
  if (total > sum.size()) out.text("next", sum.rbegin()->first);
  co_return out.done();
}

}  // namespace gatecast::server
