// Server API: connections of users, and what the nodes serve.
#include <unordered_set>

#include "core/log.hpp"
#include "server/api/methods.hpp"
#include "server/json/json_out.hpp"
#include "server/nodes/node_calls.hpp"
#include "server/socket/connection.hpp"
#include "server/target.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kWhitelist = 1000;

/// With which code and reason they are closed, and which are not.
struct Closing {
  std::uint16_t code;
  std::string reason;
  std::vector<std::string> spared{};
};

Result<Closing> closing_of(const JsonIn& params) {
  auto disconnect = params.optional_object("disconnect");
  if (!disconnect) return disconnect.error();
  auto code = disconnect->optional_integer("code");
  auto reason = disconnect->optional_text("reason");
  if (!code) return code.error();
  if (!reason) return reason.error();
  const auto& standard = info(Errc::force_disconnect);
  const std::int64_t number = code->value_or(standard.close);
  if (number < 3000 || number > 4999 || reason->size() > 100) {
    return fail(Errc::field_invalid, "disconnect: code is 3000 to 4999, reason at most 100 bytes");
  }
  if (reason->empty()) *reason = standard.message;
  Closing closing{static_cast<std::uint16_t>(number), std::move(*reason)};
  if (params.has("whitelist") && params.raw("whitelist") != "null") {
    auto spared = params.texts("whitelist", kWhitelist);
    if (!spared) return spared.error();
    closing.spared = std::move(*spared);
  }
  return closing;
}

struct Counts {
  std::size_t clients = 0, channels = 0, subscriptions = 0;
  std::vector<std::string> users;
};

}  // namespace

Task<Result<std::string>> disconnect_here(Services& services, const JsonIn& params) {
  auto target = target_of(params);
  if (!target) co_return target.error();
  auto closing = closing_of(params);
  if (!closing) co_return closing.error();
  const std::size_t closed = co_await at_connections(services, *target, [&closing](Connection& c) {
    if (std::ranges::find(closing->spared, c.client_id()) == closing->spared.end()) {
      c.close(closing->code, closing->reason);
    }
  });
  co_return JsonOut().number("count", closed).done();
}

Task<Answer> api_disconnect(ApiCall& call, const JsonIn& params) {
  auto closed = co_await everywhere(call.services(), "disconnect", params);
  if (!closed) co_return closed.error();
  const std::string user = params.text("user").value_or(std::string());
  const auto code = closing_of(params)->code;
  log::info("disconnect", {{"user", user}, {"code", code}, {"closed", *closed}, {"actor", call.actor}});
  // A back end may do so a thousand times a minute; what a person does is kept.
  if (call.key == nullptr && *closed > 0) {
    co_await audit_call(call, "disconnect", user, {}, fmt::format("{} closed with {}", *closed, code));
  }
  co_return std::string("{}");
}

Task<Result<std::string>> info_here(Services& services, const JsonIn&) {
  Counts sum;
  std::unordered_set<std::string> users;  // one with two tabs may be on two shards
  for (auto* worker : services.workers) {
    auto here = co_await ask<Counts>(worker->shard(), *worker, [](Worker& w) {
      Counts c;
      w.each_connection([&c](Connection& connection) { c.clients += connection.connected() ? 1 : 0; });
      w.users().each([&c](const std::string& id) { c.users.push_back(id); });
      c.channels = w.hub().home_count();
      c.subscriptions = w.hub().subscription_count();
      return c;
    });
    sum.clients += here.clients;
    users.insert(here.users.begin(), here.users.end());
    sum.channels += here.channels;
    sum.subscriptions += here.subscriptions;
  }
  JsonOut node;
  node.text("uid", services.node).text("name", services.node_name).text("version", services.version);
  node.number("num_clients", sum.clients).number("num_users", users.size()).number("num_channels", sum.channels);
  node.number("num_subs", sum.subscriptions);
  node.number("uptime", std::chrono::floor<std::chrono::seconds>(services.clock.wall() - services.started).count());
  co_return node.done();
}

Task<Answer> api_info(ApiCall& call, const JsonIn& params) {
  auto here = co_await info_here(call.services(), params);
  if (!here) co_return here.error();
  std::string list = std::move(*here);
  const auto elsewhere = co_await ask_others(call.services(), "info", "{}");
  for (const auto& body : elsewhere.answers) {
    if (JsonIn::parse(body)) list += "," + body;
  }
  JsonOut out;
  out.raw("nodes", "[" + list + "]");
  if (!elsewhere.missing.empty()) out.raw("missing", missing_json(elsewhere));
  co_return out.done();
}

}  // namespace gatecast::server
