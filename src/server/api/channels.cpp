// Server API: what channels keep – who is on them, what was published – and which there are.
#include <map>

#include "protocol/json_writer.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"
#include "server/json/position_in.hpp"
#include "server/json/publication_views.hpp"
#include "server/name_pattern.hpp"
#include "server/nodes/node_calls.hpp"

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

/// The first of the channels wanted, and how many there are.
struct Listed {
  Subscribers first;
  std::size_t total = 0;
  bool cut = false;  // there are more than the first
};

void keep_first(Listed& listed, std::size_t limit) {
  for (; listed.first.size() > limit; listed.cut = true) listed.first.erase(std::prev(listed.first.end()));
}

Task<Listed> list_here(Services& services, const Wanted& wanted) {
  Listed listed;
  for (auto* worker : services.workers) {
    auto here = co_await ask<Subscribers>(worker->shard(), *worker,
                                          [&wanted](Worker& its) { return first_channels(its.hub(), wanted); });
    listed.cut = listed.cut || here.size() == wanted.limit;
    for (const auto& [name, subscribers] : here) listed.first[name] += subscribers;
    keep_first(listed, wanted.limit);
  }
  if (listed.cut) {
    for (auto* worker : services.workers) {
      listed.total += co_await ask<std::size_t>(worker->shard(), *worker,
                                                [&wanted](Worker& its) { return count_channels(its.hub(), wanted); });
    }
  }
  // A channel that just comes or goes may be known on one side only.
  listed.total = std::max(listed.total, listed.first.size());
  co_return listed;
}

/// Takes in what another node has; its bounds are those of the same call.
void add_answer(Listed& all, const std::string& body, const Wanted& wanted) {
  const auto answer = JsonIn::parse(body);
  if (!answer) return;
  const auto total = answer->optional_integer("total");
  const auto cut = answer->optional_bool("cut");
  const auto channels = answer->items("channels", kChannelsMax);
  if (!total || !cut || !channels) return;
  all.total += static_cast<std::size_t>(std::max<std::int64_t>(total->value_or(0), 0));
  all.cut = all.cut || cut->value_or(false);
  for (const auto text : *channels) {
    const auto item = JsonIn::parse(text);
    if (!item) continue;
    const auto name = item->text("name");
    const auto count = item->optional_integer("count");
    if (name && count && count->value_or(0) > 0) all.first[*name] += static_cast<std::size_t>(**count);
  }
  keep_first(all, wanted.limit);
}

}  // namespace

Task<Answer> api_presence(ApiCall& call, const JsonIn& params) {
  auto asked = channel_with_presence(call, params);
  if (!asked) co_return asked.error();
  const std::size_t most = call.services().config.limits.presence_clients;
  const auto all = co_await call.worker.hub().presence(std::move(asked->channel), most);
  if (!all) co_return all.error();
  const auto views = presence_views(*all);
  std::string result;
  protocol::append_result(result, protocol::PresenceResult{views});
  co_return result;
}

Task<Answer> api_presence_stats(ApiCall& call, const JsonIn& params) {
  auto asked = channel_with_presence(call, params);
  if (!asked) co_return asked.error();
  const auto count = co_await call.worker.hub().presence_count(std::move(asked->channel));
  if (!count) co_return count.error();
  std::string result;
  protocol::append_result(result, protocol::PresenceStatsResult{count->clients, count->users});
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
  auto cleared = co_await call.worker.hub().clear_history(std::move(asked->channel));
  if (!cleared) co_return cleared.error();
  co_return std::string("{}");
}

Task<Result<std::string>> channels_here(Services& services, const JsonIn& params) {
  auto wanted = wanted_of(params);
  if (!wanted) co_return wanted.error();
  const Listed listed = co_await list_here(services, *wanted);
  std::string list = "[";
  for (const auto& [name, subscribers] : listed.first) {
    if (list.size() > 1) list += ',';
    list += JsonOut().text("name", name).number("count", subscribers).done();
  }
  co_return JsonOut().raw("channels", list + ']').number("total", listed.total).boolean("cut", listed.cut).done();
}

Task<Answer> api_channels(ApiCall& call, const JsonIn& params) {
  auto wanted = wanted_of(params);
  if (!wanted) co_return wanted.error();
  Listed all = co_await list_here(call.services(), *wanted);
  const auto elsewhere = co_await ask_others(call.services(), "channels", params_text(params));
  for (const auto& body : elsewhere.answers) add_answer(all, body, *wanted);
  // Where every node has told all of its own, each channel counts once; else one that is on two nodes counts twice.
  const std::size_t total = all.cut ? std::max(all.total, all.first.size()) : all.first.size();
  JsonOut out;
  out.raw("channels", channels_json(all.first)).number("total", total);
  if (total > all.first.size()) out.text("next", all.first.rbegin()->first);
  if (!elsewhere.missing.empty()) out.raw("missing", missing_json(elsewhere));
  co_return out.done();
}

}  // namespace gatecast::server
