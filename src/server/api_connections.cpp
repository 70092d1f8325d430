// Server API: connections of users, and what the node serves.
#include <unordered_set>

#include "core/log.hpp"
#include "server/api_methods.hpp"
#include "server/connection.hpp"
#include "server/json_out.hpp"

namespace gatecast::server {
namespace {

struct Target {
  std::string user, client, session;
  std::uint16_t code;
  std::string reason;
};

Result<Target> target_of(const JsonIn& params) {
  auto user = params.text("user");
  if (!user) return user.error();
  auto client = params.optional_text("client");
  auto session = params.optional_text("session");
  auto disconnect = params.optional_object("disconnect");
  if (!client) return client.error();
  if (!session) return session.error();
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
  return Target{*user, *client, *session, static_cast<std::uint16_t>(number), *reason};
}

std::size_t disconnect_here(Worker& worker, const Target& target) {
  auto* user = worker.users().find(target.user);
  if (user == nullptr) return 0;
  std::vector<Connection*> meant;
  worker.each_of(*user, [&](Connection& c) {
    if (!target.client.empty() && c.client_id() != target.client) return;
    if (!target.session.empty() && c.sid() != target.session) return;
    meant.push_back(&c);
  });
  for (auto* connection : meant) connection->close(target.code, target.reason);
  return meant.size();
}

struct Counts {
  std::size_t clients = 0, channels = 0, subscriptions = 0;
  std::vector<std::string> users;
};

}  // namespace

Task<Answer> api_disconnect(ApiCall& call, const JsonIn& params) {
  auto target = target_of(params);
  if (!target) co_return target.error();
  std::size_t closed = 0;
  for (auto* worker : call.services().workers) {
    closed += co_await ask<std::size_t>(worker->shard(), *worker,
                                        [&target](Worker& w) { return disconnect_here(w, *target); });
  }
  log::info("disconnect", {{"user", target->user}, {"code", target->code}, {"closed", closed}, {"actor", call.actor}});
  co_return std::string("{}");
}

Task<Answer> api_info(ApiCall& call, const JsonIn&) {
  auto& services = call.services();
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
  node.text("uid", services.node).text("name", "gatecast").text("version", services.version);
  node.number("num_clients", sum.clients).number("num_users", users.size()).number("num_channels", sum.channels);
  node.number("num_subs", sum.subscriptions);
  node.number("uptime", std::chrono::floor<std::chrono::seconds>(services.clock.wall() - services.started).count());
  co_return JsonOut().raw("nodes", "[" + node.done() + "]").done();
}

}  // namespace gatecast::server
