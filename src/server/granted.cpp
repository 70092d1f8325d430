#include "server/granted.hpp"

#include "access/grants.hpp"
#include "server/json/grant_json.hpp"
#include "server/nodes/neighbours.hpp"
#include "server/socket/connection.hpp"
#include "server/system_push.hpp"

namespace gatecast::server {
namespace {

// A user who is read again and again without being there to be judged by: a cache that is too small for one.
constexpr int kReadings = 3;

Task<void> read_and_rejudge(Worker& worker, std::string user_id, int readings);

/// Ends what the user's connections here may not have any more.
void rejudge(Worker& worker, const std::string& user_id, int readings) {
  const auto* user = worker.users().find(user_id);
  if (user == nullptr) return;
  std::vector<std::uint64_t> meant;
  worker.each_of(*user, [&meant](Connection& connection) {
    if (connection.has_granted()) meant.push_back(connection.id());
  });
  bool unread = false;
  for (const auto id : meant) {
    auto* connection = worker.find(id);
    // Who cannot be judged is not let stay.
    if (connection != nullptr) unread |= connection->rejudge_grants(readings == 0);
  }
  if (unread && readings > 0) spawn(read_and_rejudge(worker, user_id, readings));
}

Task<void> read_and_rejudge(Worker& worker, std::string user_id, int readings) {
  auto held = co_await worker.services().grants->load(user_id);
  rejudge(worker, user_id, held ? readings - 1 : 0);
}

// Users of whom the store is asked at once, and how often: some thousands a second.
constexpr std::size_t kJudgedAtOnce = 200;
constexpr Duration kJudgedEvery = std::chrono::milliseconds(50);

void rejudge_some(Worker& worker, std::vector<std::string> users) {
  for (std::size_t n = 0; n < kJudgedAtOnce && !users.empty(); ++n) {
    rejudge(worker, users.back(), kReadings);
    users.pop_back();
  }
  if (users.empty()) return;
  worker.shard().loop().after(
      kJudgedEvery, [&worker, users = std::move(users)]() mutable { rejudge_some(worker, std::move(users)); });
}

}  // namespace

void rejudge_everywhere(Services& services, const std::string& user_id) {
  for (auto* worker : services.workers) {
    worker->shard().post_control([worker, user_id] { rejudge(*worker, user_id, kReadings); });
  }
}

void rejudge_all(Services& services) {
  for (auto* worker : services.workers) {
    worker->shard().post_control([worker] {
      std::vector<std::string> users;
      worker->users().each([&users](const std::string& id) { users.push_back(id); });
      rejudge_some(*worker, std::move(users));
    });
  }
}

void forget_granted(Services& services, const std::string& user_id) {
  services.grants->forget(user_id);
  rejudge_everywhere(services, user_id);
  if (services.neighbours != nullptr) services.neighbours->grant_changed(user_id, 0, true);
}

void found_granted(Services& services, const std::string& user_id, std::uint64_t version) {
  rejudge_everywhere(services, user_id);
  if (services.neighbours != nullptr) services.neighbours->grant_changed(user_id, version, true);
}

void tell_grant(Services& services, const store::GrantChange& change) {
  const SteadyTime since = services.clock.steady();
  const std::string& user_id = change.grant.user_id;
  if (change.news == store::GrantNews::removed || change.news == store::GrantNews::expired) {
    rejudge_everywhere(services, user_id);
  }
  push_system(services, user_id, grant_push(change), since);
  if (services.neighbours != nullptr) {
    services.neighbours->grant_changed(user_id, change.version, change.news != store::GrantNews::added);
  }
}

}  // namespace gatecast::server
