// The operators' port: health, counters.
#include <unordered_set>

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "metrics/registry.hpp"
#include "server/connection.hpp"
#include "server/handlers.hpp"
#include "server/json_out.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kChannelsListed = 100;

struct ShardView {
  std::size_t connections = 0;
  std::vector<std::string> users;
  std::size_t subscriptions = 0;
  std::vector<std::pair<std::string, std::size_t>> channels;
};

ShardView look(Worker& worker) {
  ShardView view;
  worker.each_connection([&view](Connection& c) { view.connections += c.connected() ? 1 : 0; });
  worker.users().each([&view](const std::string& id) { view.users.push_back(id); });
  view.subscriptions = worker.hub().subscription_count();
  worker.hub().each_channel([&view](const std::string& name, std::size_t n) { view.channels.emplace_back(name, n); });
  // The fullest channels are what one looks for; the rest would make the answer unbounded.
  std::ranges::sort(view.channels, [](const auto& a, const auto& b) { return a.second > b.second; });
  if (view.channels.size() > kChannelsListed) view.channels.resize(kChannelsListed);
  return view;
}

std::string text_response_body(std::string_view text) { return std::string(text) + "\n"; }

http::Response text_response(std::string_view text, unsigned status = 200) {
  http::Response response{.status = status, .body = text_response_body(text)};
  response.set("Content-Type", "text/plain; charset=utf-8");
  response.set("Cache-Control", "no-store");
  return response;
}

std::uint64_t whole(std::string_view metric) { return static_cast<std::uint64_t>(metrics::total(metric)); }

}  // namespace

Task<http::Response> stats(Exchange& exchange) {
  auto& services = exchange.services();
  ShardView sum;
  std::map<std::string, std::size_t> channels;
  std::unordered_set<std::string> users;  // one with two tabs may be on two shards
  for (auto* worker : services.workers) {
    auto view = co_await ask<ShardView>(worker->shard(), *worker, [](Worker& w) { return look(w); });
    sum.connections += view.connections;
    users.insert(view.users.begin(), view.users.end());
    sum.subscriptions += view.subscriptions;
    for (const auto& [name, n] : view.channels) channels[name] += n;
  }
  const auto uptime = std::chrono::duration<double>(services.clock.wall() - services.started).count();
  JsonOut by_channel;
  for (const auto& [name, n] : channels) by_channel.number(name, n);
  JsonOut by_type;
  std::uint64_t messages = 0;
  for (const auto& sample : metrics::samples("messages_in_total")) {
    by_type.number(sample.first, static_cast<std::uint64_t>(sample.value));
    messages += static_cast<std::uint64_t>(sample.value);
  }
  JsonOut out;
  std::uint64_t connects = 0;
  for (const auto& sample : metrics::samples("connects_total")) {
    if (sample.first == "ok") connects += static_cast<std::uint64_t>(sample.value);
  }
  out.number("totalConnections", connects).number("activeConnections", sum.connections);
  out.number("users", users.size()).number("subscriptions", sum.subscriptions);
  out.number("totalMessages", messages).number("messagesSent", whole("messages_out_total"));
  out.number("publications", whole("publications_total")).number("deliveries", whole("deliveries_total"));
  out.number("authFailures", whole("auth_failures_total")).number("errors", whole("refusals_total"));
  out.number("rateLimited", whole("rate_limited_total")).number("slowConsumers", whole("slow_consumers_total"));
  out.number("uptime", static_cast<std::uint64_t>(uptime)).text("startedAt", format_rfc3339(services.started));
  out.number("averageMessagesPerMinute", static_cast<double>(messages) * 60.0 / std::max(uptime, 1.0));
  out.object("connectionsByChannel", by_channel).object("messagesByType", by_type);
  out.text("version", services.version).text("node", services.node);
  co_return json_response(out.done());
}

Task<http::Response> metrics_text(Exchange&) {
  // The log lies below the metrics and counts for itself.
  static std::atomic<std::uint64_t> told{0};
  const auto dropped = log::dropped_lines();
  metrics::add<"log_dropped_total">(dropped - told.exchange(dropped));
  http::Response response{.body = metrics::exposition()};
  response.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  co_return response;
}

Task<http::Response> healthz(Exchange&) { co_return text_response("ok"); }

Task<http::Response> readyz(Exchange& exchange) {
  auto& services = exchange.services();
  if (services.draining.load()) co_return text_response("draining", 503);
  if (!services.ready.load()) co_return text_response("starting", 503);
  auto store = co_await services.store.ping();
  if (!store) co_return text_response(fmt::format("store: {}", info(store.error().code).message), 503);
  co_return text_response("ready");
}

}  // namespace gatecast::server
