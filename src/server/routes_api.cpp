// The server API: what a back end with an API key may do, in the shape of Centrifugo's server SDKs.
//
// POST /api/<method> takes one object, POST /api one `{method, params}` a line. A refusal of the request is
// `{"error":{code, message}}` with status 200, as those SDKs expect; a refusal of the caller is an HTTP failure.
#include <array>
#include <unordered_set>

#include "core/log.hpp"
#include "metrics/registry.hpp"
#include "protocol/json_check.hpp"
#include "server/connection.hpp"
#include "server/handlers.hpp"
#include "server/json_in.hpp"
#include "server/json_out.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kBroadcastChannels = 1000;
constexpr std::size_t kLines = 1000;

using Answer = Result<std::string>;  // the result's JSON
using Method = Task<Answer> (*)(Exchange&, const JsonIn&);

Result<std::shared_ptr<broker::Publication>> publication_of(const Exchange& exchange, std::string_view channel,
                                                            const JsonIn& params) {
  const auto data = params.raw("data");
  if (data.empty()) return fail(Errc::field_missing, "data");
  if (protocol::has_top_level_member(data, "gatecast")) return Errc::reserved_data;
  if (data.size() > exchange.services().config.limits.message_bytes) return fail(Errc::body_too_large, "data");
  auto publication = std::make_shared<broker::Publication>();
  publication->channel = channel;
  std::string scratch;
  publication->data = protocol::compact_newlines(data, scratch);
  return publication;
}

Task<Answer> publish_to(Exchange& exchange, std::string channel, const JsonIn& params) {
  auto found = exchange.services().namespaces.find(channel);
  if (!found) co_return found.error();
  auto publication = publication_of(exchange, channel, params);
  if (!publication) co_return publication.error();
  auto position = co_await exchange.worker.hub().publish(std::move(*publication), history_of(**found));
  if (!position) co_return position.error();
  JsonOut out;
  if (position->offset != 0) out.number("offset", position->offset).text("epoch", broker::epoch_text(position->epoch));
  co_return out.done();
}

Task<Answer> publish(Exchange& exchange, const JsonIn& params) {
  auto channel = params.text("channel");
  if (!channel) co_return channel.error();
  co_return co_await publish_to(exchange, std::move(*channel), params);
}

std::string error_json(const Error& error) {
  const auto& code = info(error.code);
  metrics::count<"refusals_total">(error.code);
  const auto number = code.reply != 0 ? code.reply : info(Errc::bad_request).reply;
  return JsonOut().number("code", number).text("message", code.message).done();
}

std::string answer_json(const Answer& answer) {
  if (answer) return JsonOut().raw("result", *answer).done();
  return JsonOut().raw("error", error_json(answer.error())).done();
}

Task<Answer> broadcast(Exchange& exchange, const JsonIn& params) {
  auto channels = params.texts("channels", kBroadcastChannels);
  if (!channels) co_return channels.error();
  std::string responses = "[";
  for (auto& channel : *channels) {
    auto answer = co_await publish_to(exchange, std::move(channel), params);
    if (responses.size() > 1) responses += ',';
    responses += answer_json(answer);
  }
  co_return JsonOut().raw("responses", responses + "]").done();
}

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

Task<Answer> disconnect(Exchange& exchange, const JsonIn& params) {
  auto target = target_of(params);
  if (!target) co_return target.error();
  std::size_t closed = 0;
  for (auto* worker : exchange.services().workers) {
    closed += co_await ask<std::size_t>(worker->shard(), *worker,
                                        [&target](Worker& w) { return disconnect_here(w, *target); });
  }
  log::info("disconnect",
            {{"user", target->user}, {"code", target->code}, {"closed", closed}, {"key", exchange.api_key->name}});
  co_return std::string("{}");
}

struct Counts {
  std::size_t clients = 0, channels = 0, subscriptions = 0;
  std::vector<std::string> users;
};

Task<Answer> info_of_nodes(Exchange& exchange, const JsonIn&) {
  auto& services = exchange.services();
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

struct Entry {
  std::string_view name;
  std::string_view scope;
  Method method;
};
constexpr std::array kMethods{
    Entry{"publish", "publish", publish},
    Entry{"broadcast", "publish", broadcast},
    Entry{"disconnect", "connections", disconnect},
    Entry{"info", "connections", info_of_nodes},
};

Result<const Entry*> method_of(const Exchange& exchange, std::string_view name) {
  for (const auto& entry : kMethods) {
    if (entry.name != name) continue;
    if (!exchange.api_key->allows(entry.scope)) {
      return fail(Errc::api_scope, fmt::format("key '{}' lacks scope {}", exchange.api_key->name, entry.scope));
    }
    return &entry;
  }
  return Errc::method_not_found;
}

Task<Answer> run_line(Exchange& exchange, std::string_view line) {
  auto command = JsonIn::parse(line);
  if (!command) co_return command.error();
  auto name = command->text("method");
  if (!name) co_return name.error();
  auto params = command->optional_object("params");
  if (!params) co_return params.error();
  auto entry = method_of(exchange, *name);
  if (!entry) co_return entry.error();
  co_return co_await (*entry)->method(exchange, *params);
}

}  // namespace

Task<http::Response> api_method(Exchange& exchange) {
  const auto name = exchange.match.param("method");
  auto entry = method_of(exchange, name);
  if (!entry) {
    const bool unknown = entry.error().code == Errc::method_not_found;
    co_return failure(exchange,
                      unknown ? fail(Errc::not_found, fmt::format("no API method '{}'", name)) : entry.error());
  }
  const std::string_view body = exchange.request.body;
  auto params = JsonIn::parse(body.empty() ? std::string_view("{}") : body);
  if (!params) co_return failure(exchange, params.error());
  auto answer = co_await (*entry)->method(exchange, *params);
  co_return json_response(answer_json(answer));
}

Task<http::Response> api_lines(Exchange& exchange) {
  std::string_view rest = exchange.request.body;
  std::string out;
  std::size_t lines = 0;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    if (++lines > kLines) co_return failure(exchange, fail(Errc::bad_request, "more than 1000 lines"));
    auto answer = co_await run_line(exchange, line);
    out += answer_json(answer);
    out += '\n';
  }
  co_return json_response(std::move(out));
}

}  // namespace gatecast::server
