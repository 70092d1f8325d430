#include "server/socket/user_connections.hpp"

#include "server/json/json_out.hpp"
#include "server/nodes/node_calls.hpp"
#include "server/socket/connection.hpp"

namespace gatecast::server {
namespace {

// Of one node's answer: the bound on sessions of a user.
constexpr std::size_t kSessionsMax = 10'000;

ConnectionsBySid connections_of(Worker& worker, std::string_view user_id) {
  ConnectionsBySid here;
  const auto* user = worker.users().find(user_id);
  if (user == nullptr) return here;
  worker.each_of(*user, [&here](Connection& connection) {
    if (connection.connected()) ++here[std::string(connection.sid())];
  });
  return here;
}

Task<ConnectionsBySid> of_this_node(Services& services, std::string user_id) {
  ConnectionsBySid sum;
  for (auto* worker : services.workers) {
    const auto here = co_await ask<ConnectionsBySid>(worker->shard(), *worker,
                                                     [&user_id](Worker& w) { return connections_of(w, user_id); });
    for (const auto& [sid, connections] : here) sum[sid] += connections;
  }
  co_return sum;
}

void add_answer(ConnectionsBySid& sum, const std::string& body) {
  const auto answer = JsonIn::parse(body);
  if (!answer) return;
  const auto sessions = answer->items("sessions", kSessionsMax);
  if (!sessions) return;
  for (const auto text : *sessions) {
    const auto item = JsonIn::parse(text);
    if (!item) continue;
    const auto sid = item->text("sid");
    const auto count = item->optional_integer("count");
    if (sid && count && count->value_or(0) > 0) sum[*sid] += static_cast<std::size_t>(**count);
  }
}

}  // namespace

Task<Result<std::string>> connected_here(Services& services, const JsonIn& params) {
  auto user = params.text("user");
  if (!user) co_return user.error();
  const auto sum = co_await of_this_node(services, std::move(*user));
  std::string list = "[";
  for (const auto& [sid, count] : sum) {
    if (list.size() > 1) list += ',';
    list += JsonOut().text("sid", sid).number("count", count).done();
  }
  co_return JsonOut().raw("sessions", list + ']').done();
}

Task<Connected> connections_by_sid(Services& services, std::string user_id) {
  Connected connected{.by_sid = co_await of_this_node(services, user_id)};
  auto elsewhere = co_await ask_others(services, "connected", JsonOut().text("user", user_id).done());
  for (const auto& body : elsewhere.answers) add_answer(connected.by_sid, body);
  if (!elsewhere.missing.empty()) connected.missing = missing_json(elsewhere);
  co_return connected;
}

}  // namespace gatecast::server
