// The operators' port: `/stats`, everything at a glance as one JSON object. docs/stats.md says what each member means.
// Bounded: kChannelsListed channels, codes of the registry, a fixed set of figures a shard.
#include <filesystem>
#include <unordered_set>

#include "broker/nodes.hpp"
#include "cache/cache.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "metrics/process.hpp"
#include "metrics/registry.hpp"
#include "server/figures.hpp"
#include "server/json/json_out.hpp"
#include "server/routes/handlers.hpp"
#include "server/routes/ops_access.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kChannelsListed = 100;
// Of a shard, before they are added up: what many have little of counts too.
constexpr std::size_t kChannelsOfShard = 1000;
using Channels = std::vector<std::pair<std::string, std::size_t>>;

struct ShardView {
  std::size_t sockets = 0;
  std::size_t clients = 0;
  std::vector<std::string> users;
  std::size_t subscriptions = 0;
  std::size_t channels = 0;
  std::size_t history_bytes = 0;
  std::size_t log_bytes = 0;
  Channels fullest;
};

/// The fullest channels are what one looks for; the rest would make the answer unbounded.
void keep_fullest(Channels& channels, std::size_t most) {
  std::ranges::sort(channels, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (channels.size() > most) channels.resize(most);
}

ShardView look(Worker& worker) {
  ShardView view;
  worker.each_connection([&view](Connection& c) {
    ++view.sockets;
    view.clients += c.connected() ? 1 : 0;
  });
  worker.users().each([&view](const std::string& id) { view.users.push_back(id); });
  auto& hub = worker.hub();
  view.subscriptions = hub.subscription_count();
  view.channels = hub.home_count();
  view.history_bytes = hub.histories().bytes();
  view.log_bytes = hub.log_bytes();
  hub.each_channel([&view](const std::string& name, std::size_t n) { view.fullest.emplace_back(name, n); });
  keep_fullest(view.fullest, kChannelsOfShard);
  return view;
}

std::string shard_json(std::size_t index, const ShardView& view) {
  return JsonOut()
      .number("shard", index)
      .number("connections", view.clients)
      .number("sockets", view.sockets)
      .number("users", view.users.size())
      .number("subscriptions", view.subscriptions)
      .number("channels", view.channels)
      .number("historyBytes", view.history_bytes)
      .number("logBytes", view.log_bytes)
      .done();
}

std::uint64_t whole(std::string_view metric) { return static_cast<std::uint64_t>(metrics::total(metric)); }

/// The series of a metric by its first label; those of a second one are added up.
JsonOut by_label(std::string_view metric) {
  std::map<std::string_view, std::uint64_t> sums;
  for (const auto& sample : metrics::samples(metric)) sums[sample.first] += static_cast<std::uint64_t>(sample.value);
  JsonOut out;
  for (const auto& [label, value] : sums) out.number(label, value);
  return out;
}

std::uint64_t of_label(std::string_view metric, std::string_view label) {
  std::uint64_t sum = 0;
  for (const auto& sample : metrics::samples(metric)) {
    if (sample.first == label) sum += static_cast<std::uint64_t>(sample.value);
  }
  return sum;
}

JsonOut lately_json(const Figures::Lately& lately) {
  const auto& c = lately.counts;
  JsonOut out;
  out.number("minutes", lately.minutes).number("messagesPerMinute", lately.a_minute(c.messages_in));
  out.number("sentPerMinute", lately.a_minute(c.messages_out));
  out.number("publicationsPerMinute", lately.a_minute(c.publications));
  out.number("connects", c.connects).number("disconnects", c.disconnects).number("signins", c.signins);
  out.number("authFailures", c.auth_failures).number("refusals", c.refusals).number("errors", c.errors);
  return out;
}

JsonOut memory_json(const metrics::ProcessFacts& facts) {
  JsonOut out;
  out.number("residentBytes", facts.resident_bytes).number("virtualBytes", facts.virtual_bytes);
  out.number("historyBytes", whole("history_bytes")).number("logBytes", whole("log_bytes"));
  out.number("outboxBytes", whole("outbox_bytes"));
  return out;
}

JsonOut store_json(const Config& config) {
  double seconds = 0;
  for (const auto& sample : metrics::samples("store_commit_seconds")) seconds += sample.value;
  const double commits = metrics::total("store_commit_seconds");
  JsonOut out;
  out.number("commits", whole("store_commits_total")).number("operations", whole("store_operations_total"));
  out.number("failures", whole("store_failures_total")).object("failuresByCode", by_label("store_failures_total"));
  out.number("averageCommitMs", commits == 0 ? 0 : seconds * 1000 / commits);
  std::error_code ec;
  if (config.store.path.empty()) return out;
  for (const auto& [name, suffix] : {std::pair{"fileBytes", ""}, std::pair{"walBytes", "-wal"}}) {
    const auto bytes = std::filesystem::file_size(config.store.path + suffix, ec);
    if (!ec) out.number(name, bytes);
  }
  return out;
}

JsonOut log_json() {
  const auto counts = log::counts();
  JsonOut out;
  out.number("lines", counts.lines).number("warnings", counts.warnings).number("errors", counts.errors);
  out.number("suppressed", counts.suppressed).number("dropped", log::dropped_lines());
  return out;
}

JsonOut process_json(const metrics::ProcessFacts& facts) {
  JsonOut out;
  out.number("cpuSeconds", facts.cpu_seconds).number("threads", facts.threads);
  out.number("openFds", facts.open_fds).number("maxFds", facts.max_fds);
  return out;
}

JsonOut sessions_json() {
  JsonOut out;
  out.number("signins", of_label("signins_total", "ok")).object("renewals", by_label("renewals_total"));
  out.object("endedByReason", by_label("sessions_ended_total"));
  return out;
}

JsonOut inbox_json() {
  JsonOut out;
  out.number("created", whole("notifications_created_total")).number("pushes", whole("notification_pushes_total"));
  return out;
}

/// The nodes heard of, with this one, and whether this one is in touch with them.
JsonOut nodes_json(const Services& services) {
  JsonOut out;
  out.number("known", services.nodes == nullptr ? std::size_t{1} : services.nodes->all().size());
  out.boolean("inTouch", services.nodes == nullptr || services.nodes->in_touch());
  if (services.shared_cache != nullptr) out.boolean("cacheInTouch", services.shared_cache->in_touch());
  return out;
}

}  // namespace

Task<http::Response> stats(Exchange& exchange) {
  if (auto refused = co_await refuse_reader(exchange)) co_return std::move(*refused);
  auto& services = exchange.services();
  ShardView sum;
  std::map<std::string, std::size_t> by_name;
  std::unordered_set<std::string> users;  // one with two tabs may be on two shards
  std::string shards;
  for (std::size_t i = 0; i < services.workers.size(); ++i) {
    auto* worker = services.workers[i];
    auto view = co_await ask<ShardView>(worker->shard(), *worker, [](Worker& w) { return look(w); });
    sum.clients += view.clients;
    sum.sockets += view.sockets;
    sum.subscriptions += view.subscriptions;
    sum.channels += view.channels;
    users.insert(view.users.begin(), view.users.end());
    for (const auto& [name, n] : view.fullest) by_name[name] += n;
    shards += (i == 0 ? "" : ",") + shard_json(i, view);
  }
  Channels fullest(by_name.begin(), by_name.end());
  keep_fullest(fullest, kChannelsListed);
  JsonOut by_channel;
  for (const auto& [name, n] : fullest) by_channel.number(name, n);

  const auto facts = metrics::process_facts();
  const auto lately = services.figures->lately(services.clock.steady());
  const auto uptime = std::chrono::duration<double>(services.clock.wall() - services.started).count();
  JsonOut out;
  out.number("totalConnections", of_label("connects_total", "ok")).number("activeConnections", sum.clients);
  out.number("openSockets", sum.sockets).number("users", users.size());
  out.number("subscriptions", sum.subscriptions).number("channels", sum.channels);
  out.number("totalMessages", whole("messages_in_total")).number("messagesSent", whole("messages_out_total"));
  out.number("publications", whole("publications_total")).number("deliveries", whole("deliveries_total"));
  out.number("bytesReceived", whole("bytes_in_total")).number("bytesSent", whole("bytes_out_total"));
  out.number("authFailures", whole("auth_failures_total")).number("errors", whole("refusals_total"));
  out.number("rateLimited", whole("rate_limited_total")).number("slowConsumers", whole("slow_consumers_total"));
  out.number("uptime", static_cast<std::uint64_t>(std::max(uptime, 0.0)))
      .text("startedAt", format_rfc3339(services.started));
  out.number("averageMessagesPerMinute", lately.a_minute(lately.counts.messages_in));
  out.object("lately", lately_json(lately));
  out.object("connectionsByChannel", by_channel).object("messagesByType", by_label("messages_in_total"));
  out.object("disconnectsByCode", by_label("disconnects_total"));
  out.object("authFailuresByReason", by_label("auth_failures_total"))
      .object("errorsByCode", by_label("refusals_total"));
  out.object("sessions", sessions_json()).object("grants", by_label("grants_changed_total"));
  out.object("notifications", inbox_json())
      .object("memory", memory_json(facts))
      .object("store", store_json(services.config));
  out.object("log", log_json()).object("process", process_json(facts)).raw("perShard", "[" + shards + "]");
  out.object("nodes", nodes_json(services));
  out.text("version", services.version).text("node", services.node);
  co_return json_response(out.done());
}

}  // namespace gatecast::server
