#include "server/target.hpp"

#include "server/socket/connection.hpp"

namespace gatecast::server {

Result<Target> target_of(const JsonIn& params) {
  auto user = params.text("user");
  if (!user) return user.error();
  auto client = params.optional_text("client");
  if (!client) return client.error();
  auto session = params.optional_text("session");
  if (!session) return session.error();
  return Target{*user, *client, *session};
}

namespace {

std::vector<Connection*> meant_here(Worker& worker, const Target& target) {
  std::vector<Connection*> meant;
  const auto* user = worker.users().find(target.user);
  if (user == nullptr) return meant;
  worker.each_of(*user, [&](Connection& c) {
    if (!target.client.empty() && c.client_id() != target.client) return;
    if (!target.session.empty() && c.sid() != target.session) return;
    meant.push_back(&c);
  });
  return meant;
}

}  // namespace

Task<std::size_t> at_connections(Services& services, const Target& target, std::function<void(Connection&)> fn) {
  std::size_t count = 0;
  for (auto* worker : services.workers) {
    count += co_await ask<std::size_t>(worker->shard(), *worker, [&target, &fn](Worker& w) {
      const auto meant = meant_here(w, target);
      for (auto* connection : meant) fn(*connection);
      return meant.size();
    });
  }
  co_return count;
}

}  // namespace gatecast::server
